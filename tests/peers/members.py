"""Tokens that somebody else's library has made (PyJWT), by keys that it publishes: a member of a team comes in with each
algorithm, by a public gRPC client. Fails with a word on what differed.

    python tests/peers/members.py target/debug/watchbell
"""

import http.server
import json
import sys
import threading
import time

import grpc
import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from server import CONFIG, Client, free_port, serving

ISSUER = "https://id.example.com/"
AUDIENCE = "watchbell"

KEYS = {
    "EdDSA": (ed25519.Ed25519PrivateKey.generate(), OKPAlgorithm),
    "RS256": (rsa.generate_private_key(public_exponent=65537, key_size=3072), RSAAlgorithm),
}


class Provider(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        keys = [
            {**json.loads(algorithm.to_jwk(key.public_key())), "kid": name, "alg": name, "use": "sig"}
            for name, (key, algorithm) in KEYS.items()
        ]
        body = json.dumps({"keys": keys}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main(binary: str) -> None:
    provider = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    settings = {
        "AUTH__JWT__JWKS_URL": f"http://127.0.0.1:{provider.server_port}/keys",
        "AUTH__JWT__ISSUER": ISSUER,
        "AUTH__JWT__AUDIENCE": AUDIENCE,
    }
    port = free_port()
    with serving(binary, port, settings) as admin:
        members(admin, f"127.0.0.1:{port}")


def members(admin: Client, address: str) -> None:
    team = admin.call(f"{CONFIG}.TeamService", "CreateTeam", {"team": {"display_name": "Peers"}})["team"]["id"]
    member = {"email": "ann@acme.example", "role": "ROLE_ADMIN"}
    ann = admin.call(f"{CONFIG}.TeamService", "CreateMember", {"team_id": team, "member": member})["member"]["id"]
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 300, "team_id": team, "member_id": ann, "role": "ADMIN"}
    for algorithm, (key, _) in KEYS.items():
        token = jwt.encode(claims, key, algorithm=algorithm, headers={"kid": algorithm})
        own = Client(address, token).call(f"{CONFIG}.TeamService", "GetTeam", {})["team"]
        assert own["id"] == team, own
        late = jwt.encode({**claims, "exp": now - 300}, key, algorithm=algorithm, headers={"kid": algorithm})
        try:
            Client(address, late).call(f"{CONFIG}.TeamService", "GetTeam", {})
            sys.exit(f"an expired {algorithm} token was accepted")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error
    print(json.dumps({"member": ann, "by": list(KEYS)}))


if __name__ == "__main__":
    main(sys.argv[1])
