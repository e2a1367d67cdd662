// Prints what AsyncAPI's own parser has against the document on standard input, as a JSON array.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const found = await new Parser().validate(readFileSync(0, "utf8"));
console.log(JSON.stringify(found.map(({ severity, code, message, path }) => ({ severity, code, message, path }))));
