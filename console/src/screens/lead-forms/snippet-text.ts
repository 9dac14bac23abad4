// What is put into a page: a form, and what sends it. It is as examples/form.html does it, of this company.

export interface SnippetWords {
  readonly language: string;
  readonly name: string;
  readonly email: string;
  readonly phone: string;
  readonly company: string;
  readonly message: string;
  readonly send: string;
  readonly thanks: string;
  readonly failed: string;
}

/** A word within HTML, or within a script of it: there as a string. */
const html = (word: string) => word.replace(/&/g, "&amp;").replace(/</g, "&lt;");
const script = (word: string) => JSON.stringify(word).replace(/</g, "\\u003c");

export function snippetOf(address: string, key: string, words: SnippetWords): string {
  const field = (word: string, attributes: string) => `  <p><label>${html(word)} <input ${attributes}></label></p>`;
  return [
    "<form>",
    field(words.name, 'name="name" required maxlength="255" autocomplete="name"'),
    field(words.email, 'name="email" type="email" required maxlength="255" autocomplete="email"'),
    field(words.phone, 'name="phone" type="tel" maxlength="64" autocomplete="tel"'),
    field(words.company, 'name="company" maxlength="255" autocomplete="organization"'),
    `  <p><label>${html(words.message)} <textarea name="message" maxlength="10000"></textarea></label></p>`,
    `  <p><button>${html(words.send)}</button></p>`,
    '  <p role="status"></p>',
    "</form>",
    "<script>",
    "  {",
    "    const form = document.currentScript.previousElementSibling;",
    '    const said = form.querySelector("[role=status]");',
    '    const button = form.querySelector("button");',
    '    form.addEventListener("submit", async (event) => {',
    "      event.preventDefault();",
    "      button.disabled = true;",
    '      const filled = [...new FormData(form)].filter(([, value]) => value.trim() !== "");',
    "      try {",
    `        const answer = await fetch(${script(`${address}/api/v1/leads`)}, {`,
    '          method: "POST",',
    "          headers: {",
    '            "Content-Type": "application/json",',
    `            "Accept-Language": ${script(words.language)},`,
    `            "X-Form-Key": ${script(key)},`,
    "          },",
    '          body: JSON.stringify({ ...Object.fromEntries(filled), source: "website" }),',
    "        });",
    "        const told = await answer.json();",
    `        said.textContent = answer.ok ? ${script(words.thanks)} : (told.errors?.[0]?.message ?? told.detail);`,
    "        if (answer.ok) form.reset();",
    "      } catch {",
    `        said.textContent = ${script(words.failed)};`,
    "      } finally {",
    "        button.disabled = false;",
    "      }",
    "    });",
    "  }",
    "</script>",
  ].join("\n");
}
