import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as en from "../src/messages/en";

const page = readFileSync(new URL("../index.html", import.meta.url), "utf8");

it("the page says a word before any script has come, the one that the application says then", () => {
  expect(page).toContain(`<div class="page-head"><h1>${en.loading}</h1></div>`);
});

it("the page has no style and no script of its own, which the policy would refuse", () => {
  expect(page).not.toMatch(/<style|style=|<script(?![^>]* src=)/);
});
