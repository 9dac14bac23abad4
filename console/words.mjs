// Compiles src/words/*.json (ICU messages by id) into made/words, those of src/words/leads into made/lead-words: no browser has to read their syntax. The labels of
// codes come from the catalogue that api speaks, as messages `reason.CODE`.
// Ends with 1 when a language lacks a message that another has, or uses other values in it.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { parse } from "@formatjs/icu-messageformat-parser";

const SOURCES = [new URL("src/words/", import.meta.url), new URL("src/words/leads/", import.meta.url)];
const CATALOGUE = new URL("../libs/contracts/lead_import/words/", import.meta.url);
const MADE = [new URL("made/words/", import.meta.url), new URL("made/lead-words/", import.meta.url)];

/** The names of the values that a message is filled with. */
function valuesOf(elements, found = new Set()) {
  for (const element of elements) {
    if (element.type !== 0 && element.type !== 7) found.add(element.value);
    for (const option of Object.values(element.options ?? {})) valuesOf(option.value, found);
    if (element.children) valuesOf(element.children, found);
  }
  return found;
}

function readJson(address) {
  return JSON.parse(readFileSync(address, "utf-8"));
}

/** The messages of a folder by language and id, with those that `more` gives a language. */
function compiledFrom(folder, more) {
  const compiled = new Map();
  for (const language of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
    const messages = [...Object.entries(readJson(new URL(language, folder))), ...more(language)];
    compiled.set(language, Object.fromEntries(messages.map(([id, text]) => [id, parse(text)])));
  }
  return compiled;
}

function faultsOf(compiled) {
  const faults = [];
  const [first, ...others] = compiled.keys();
  for (const other of others) {
    const [ours, theirs] = [compiled.get(first), compiled.get(other)];
    for (const id of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
      if (!ours[id] || !theirs[id]) faults.push(`${id} is missing in ${ours[id] ? other : first}`);
      else if ([...valuesOf(ours[id])].sort().join() !== [...valuesOf(theirs[id])].sort().join())
        faults.push(`${id} uses other values in ${other} than in ${first}`);
    }
  }
  return faults;
}

function reasonsOf(language) {
  const { labels } = readJson(new URL(language, CATALOGUE));
  return Object.entries(labels).map(([code, text]) => [`reason.${code}`, text]);
}

// What only the screens of leads say comes with them.
const [everywhere, leads] = SOURCES;
const all = [compiledFrom(everywhere, reasonsOf), compiledFrom(leads, () => [])];
const faults = all.flatMap(faultsOf);
if (faults.length) {
  process.stderr.write(`${faults.join("\n")}\n`);
  process.exit(1);
}
for (const [at, folder] of MADE.entries()) {
  mkdirSync(folder, { recursive: true });
  for (const [language, messages] of all[at]) writeFileSync(new URL(language, folder), JSON.stringify(messages));
}
