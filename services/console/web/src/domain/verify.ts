// How a receiver checks a webhook's signature, in the languages that receivers are written in. Each takes the raw body.

export interface Snippet {
  readonly language: string;
  readonly code: string;
}

/** `header`: the plain signature's, such as `X-Watchbell-Signature`. */
export function snippets(header: string): readonly Snippet[] {
  const lower = header.toLowerCase();
  return [
    {
      language: "Node.js",
      code: `import { createHmac, timingSafeEqual } from "node:crypto";

export function isGenuine(rawBody, headers, secret) {
  const expected = createHmac("sha256", secret).update(rawBody).digest();
  const given = Buffer.from(headers["${lower}"] ?? "", "hex");
  return given.length === expected.length && timingSafeEqual(given, expected);
}`,
    },
    {
      language: "Python",
      code: `import hashlib, hmac

def is_genuine(raw_body: bytes, headers, secret: str) -> bool:
    expected = hmac.new(secret.encode(), raw_body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, headers.get("${header}", ""))`,
    },
    {
      language: "Go",
      code: `func isGenuine(rawBody []byte, header http.Header, secret string) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(rawBody)
	given, err := hex.DecodeString(header.Get("${header}"))
	return err == nil && hmac.Equal(given, mac.Sum(nil))
}`,
    },
    {
      language: "Ruby",
      code: `require "openssl"

def genuine?(raw_body, signature, secret)
  expected = OpenSSL::HMAC.hexdigest("SHA256", secret, raw_body)
  signature.bytesize == expected.bytesize && OpenSSL.fixed_length_secure_compare(expected, signature)
end # signature: the header ${header}`,
    },
    {
      language: "PHP",
      code: `function isGenuine(string $rawBody, string $signature, string $secret): bool {
    return hash_equals(hash_hmac('sha256', $rawBody, $secret), $signature);
} // $signature: the header ${header}`,
    },
    {
      language: "Java",
      code: `static boolean isGenuine(byte[] rawBody, String signature, String secret) throws Exception {
  Mac mac = Mac.getInstance("HmacSHA256");
  mac.init(new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
  byte[] given = HexFormat.of().parseHex(signature);
  return MessageDigest.isEqual(mac.doFinal(rawBody), given);
} // signature: the header ${header}`,
    },
  ];
}
