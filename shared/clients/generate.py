"""Writes the types of both clients: messages and services from docs/openapi.json, event types from the catalog's schemas.

    python shared/clients/generate.py            # writes
    python shared/clients/generate.py --check    # fails when what is committed differs
"""

import json
import keyword
import pathlib
import re
import sys
from collections.abc import Sequence

CLIENTS = pathlib.Path(__file__).resolve().parent
ROOT = CLIENTS.parents[1]
HEADER = "Written by shared/clients/generate.py from the contracts. Do not edit."


def main(check: bool) -> None:
    contracts = json.loads((ROOT / "docs/openapi.json").read_text())
    catalog = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "shared/model/catalog").glob("*.json"))}
    python, typescript = CLIENTS / "python/src/watchbell", CLIENTS / "typescript/src"
    written = {
        python / "contracts.py": Python().contracts(contracts),
        python / "catalog.py": Python().catalog(catalog),
        typescript / "contracts.ts": TypeScript().contracts(contracts),
        typescript / "catalog.ts": TypeScript().catalog(catalog),
    }
    for path, text in written.items():
        if check:
            assert path.read_text() == text, f"{path.relative_to(ROOT)} is not what the contracts give: run shared/clients/generate.py"
        path.write_text(text)


def services(contracts: dict) -> dict[str, list[dict]]:
    """The unary methods of each service, which read or write: `Get`, `List`, `Explain` and `Preview` change nothing."""
    found: dict[str, list[dict]] = {}
    for path, item in contracts["paths"].items():
        service, method = path.strip("/").split("/")
        post = item["post"]
        found.setdefault(service, []).append({
            "path": path.strip("/"),
            "name": method,
            "about": post["description"],
            "request": short(post["requestBody"]["content"]["application/json"]["schema"]["$ref"]),
            "answer": short(post["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]),
            "repeatable": bool(re.match(r"Get|List|Explain|Preview|Export|Emit", method)),
        })
    return found


def short(name: str) -> str:
    return name.rsplit("/", 1)[-1].rsplit(".", 1)[-1]


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def camel(name: str) -> str:
    return name[0].lower() + name[1:]


def type_name(event_type: str) -> str:
    return "".join(word.capitalize() for word in re.split(r"[._]", event_type))


class Language:
    def type_of(self, schema: dict) -> str:
        if "$ref" in schema:
            return short(schema["$ref"])
        kind = schema.get("type")
        if isinstance(kind, list):
            return " | ".join(sorted({self.scalars[each] for each in kind}))
        if kind == "array":
            return self.list_of(self.type_of(schema["items"]))
        return self.scalars.get(kind, self.scalars["object"])

    def contracts(self, contracts: dict) -> str:
        schemas = {short(name): schema for name, schema in contracts["components"]["schemas"].items()}
        schemas.pop("Error")
        enums = {name: schema for name, schema in schemas.items() if "enum" in schema}
        messages = {name: schema for name, schema in schemas.items() if "enum" not in schema}
        parts = [self.contracts_header]
        parts += [self.enum(name, schema) for name, schema in sorted(enums.items())]
        parts += [self.message(name, schema) for name, schema in sorted(messages.items())]
        parts += [self.service(name, methods) for name, methods in sorted(services(contracts).items())]
        parts.append(self.all_services(sorted(services(contracts))))
        return self.separator.join(parts) + "\n"

    def catalog(self, catalog: dict) -> str:
        parts = [self.catalog_header, *(self.event_type(name, schema) for name, schema in catalog.items())]
        return self.separator.join([*parts, self.event_types(list(catalog))]) + "\n"


class Python(Language):
    separator = "\n\n\n"
    scalars = {"string": "str", "boolean": "bool", "integer": "int", "number": "float", "object": "dict[str, Any]", "null": "None"}
    contracts_header = (
        f'"""{HEADER}"""\n\nfrom __future__ import annotations\n\n'
        "from typing import Any, Literal, TypedDict, cast\n\nfrom ._transport import Transport"
    )
    catalog_header = (
        f'"""{HEADER}"""\n\nfrom __future__ import annotations\n\n'
        "from dataclasses import dataclass\nfrom typing import Any, ClassVar\n\nfrom .events import EventType"
    )

    def list_of(self, inner: str) -> str:
        return f"list[{inner}]"

    def doc(self, text: str, indent: str) -> str:
        # A last quote or backslash would end the string early.
        lines = text.strip().replace("\\", "\\\\").replace('"""', "'''").split("\n")
        body = ("\n" + indent).join(lines)
        end = f"\n{indent}" if len(lines) > 1 or body.endswith('"') else ""
        return re.sub(r"[ \t]+\n", "\n", f'{indent}"""{body}{end}"""')

    def enum(self, name: str, schema: dict) -> str:
        values = "".join(f'\n    "{value}",' for value in schema["enum"])
        return f"{name} = Literal[{values}\n]\n" + self.doc(schema.get("description", name), "")

    def message(self, name: str, schema: dict) -> str:
        lines = [f"class {name}(TypedDict, total=False):", self.doc(schema.get("description", name), "    ")]
        fields = {key: value for key, value in schema.get("properties", {}).items() if key.isidentifier()}
        for key, value in fields.items():
            lines.append(f"\n    {key}: {self.type_of(value)}")
            if "description" in value:
                lines.append(self.doc(value["description"], "    "))
        return "\n".join(lines)

    def service(self, name: str, methods: list[dict]) -> str:
        lines = [f"class {short(name)}:", f'    """`{name}`."""', "", "    def __init__(self, transport: Transport) -> None:"]
        lines.append("        self._transport = transport")
        for method in methods:
            lines.append(f"\n    def {snake(method['name'])}(self, request: {method['request']}) -> {method['answer']}:")
            lines.append(self.doc(method["about"], "        "))
            call = f'self._transport.call("{method["path"]}", request, repeatable={method["repeatable"]})'
            lines.append(f'        return cast("{method["answer"]}", {call})')
        return "\n".join(lines)

    def all_services(self, names: list[str]) -> str:
        lines = ["class Services:", '    """Every public service."""', "", "    def __init__(self, transport: Transport) -> None:"]
        lines += [f"        self.{snake(short(name).removesuffix('Service'))} = {short(name)}(transport)" for name in names]
        return "\n".join(lines)

    def event_type(self, name: str, schema: dict) -> str:
        required = schema.get("required", [])
        fields = sorted(schema["properties"].items(), key=lambda field: field[0] not in required)
        lines = ["@dataclass(kw_only=True)", f"class {type_name(name)}(EventType):"]
        lines += [self.doc(f"`{name}`: {schema['description']}", "    "), "", f'    TYPE: ClassVar[str] = "{name}"', ""]
        for key, value in fields:
            kind = self.type_of(value)
            name = f"{key}_" if keyword.iskeyword(key) else key
            optional = kind if "None" in kind.split(" | ") else f"{kind} | None"
            lines.append(f"    {name}: {kind}" if key in required else f"    {name}: {optional} = None")
            lines.append(self.doc(value["description"], "    "))
        return "\n".join(lines)

    def event_types(self, names: list[str]) -> str:
        rows = "".join(f'\n    "{name}": {type_name(name)},' for name in names)
        return f"BUILT_IN: dict[str, type[EventType]] = {{{rows}\n}}\n" + self.doc("The event types that every team has, by name.", "")


class TypeScript(Language):
    separator = "\n\n"
    scalars = {
        "string": "string",
        "boolean": "boolean",
        "integer": "number",
        "number": "number",
        "object": "Record<string, unknown>",
        "null": "null",
    }
    contracts_header = f'// {HEADER}\n\nimport type {{ Transport }} from "./transport.js";'
    catalog_header = f"// {HEADER}"

    def list_of(self, inner: str) -> str:
        return f"({inner})[]" if "|" in inner else f"{inner}[]"

    def doc(self, text: str, indent: str) -> str:
        lines = text.strip().replace("*/", "*\\/").split("\n")
        if len(lines) == 1:
            return f"{indent}/** {lines[0]} */"
        return "\n".join([f"{indent}/**", *(f"{indent} * {line}".rstrip() for line in lines), f"{indent} */"])

    def enum(self, name: str, schema: dict) -> str:
        values = "".join(f'\n  | "{value}"' for value in schema["enum"])
        return self.doc(schema.get("description", name), "") + f"\nexport type {name} ={values};"

    def event_type(self, name: str, schema: dict) -> str:
        return self.message(type_name(name), schema, schema.get("required", []))

    def message(self, name: str, schema: dict, required: Sequence[str] = ()) -> str:
        lines = [self.doc(schema.get("description", name), ""), f"export interface {name} {{"]
        for key, value in schema.get("properties", {}).items():
            if "description" in value:
                lines.append(self.doc(value["description"], "  "))
            property_name = key if key.isidentifier() else json.dumps(key)
            lines.append(f"  {property_name}{'' if key in required else '?'}: {self.type_of(value)};")
        return "\n".join([*lines, "}"])

    def service(self, name: str, methods: list[dict]) -> str:
        lines = [f"/** `{name}`. */", f"export class {short(name)} {{"]
        lines.append("  constructor(private readonly transport: Transport) {}")
        for method in methods:
            lines += ["", self.doc(method["about"], "  ")]
            lines.append(f"  {camel(method['name'])}(request: {method['request']}): Promise<{method['answer']}> {{")
            repeatable = str(method["repeatable"]).lower()
            lines.append(f'    return this.transport.call("{method["path"]}", request, {repeatable});')
            lines.append("  }")
        return "\n".join([*lines, "}"])

    def all_services(self, names: list[str]) -> str:
        lines = ["/** Every public service. */", "export class Services {"]
        attributes = {camel(short(name).removesuffix("Service")): short(name) for name in names}
        lines += [f"  readonly {attribute}: {name};" for attribute, name in attributes.items()]
        lines += ["", "  constructor(transport: Transport) {"]
        lines += [f"    this.{attribute} = new {name}(transport);" for attribute, name in attributes.items()]
        return "\n".join([*lines, "  }", "}"])

    def event_types(self, names: list[str]) -> str:
        lines = ["/** The `data` of each event type that every team has. */", "export interface BuiltInTypes {"]
        lines += [f'  "{name}": {type_name(name)};' for name in names]
        return "\n".join([*lines, "}"])


if __name__ == "__main__":
    main("--check" in sys.argv[1:])
