// How the file was read, with words of it to judge by, and what else somebody should know before.

import { useState } from "react";
import { Link } from "wouter";
import type { Preview } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { Notice } from "../../parts/notice.tsx";
import { useNumbers, useWords, type Word } from "../../words/words.tsx";
import { choose, type Draft, divideBy } from "./draft.ts";

/** As people write them. */
const ENCODINGS: Record<string, string> = {
  "utf-8": "UTF-8",
  "windows-1252": "Windows-1252",
  "mac-roman": "Mac Roman",
  cp850: "CP850 (MS-DOS)",
  "utf-16": "UTF-16",
};
const DELIMITERS = [
  [",", "delimiter.comma"],
  [";", "delimiter.semicolon"],
  ["\t", "delimiter.tab"],
  ["|", "delimiter.pipe"],
] as const satisfies readonly (readonly [string, Word])[];

/** Said by its own notice, or by a link. */
const SAID_ELSEWHERE = ["same_file"];

/** So many earlier imports of the same file are named. */
const NAMED = 3;
/** So many the API tells at most. */
const TOLD = 5;

/** Words of the file that show whether its letters were read right: those with letters beyond the English ones. */
function telling(preview: Preview): string[] {
  const samples = preview.columns.flatMap((column) => [column.header, ...column.samples]);
  return [...new Set(samples.filter((text) => /[^\x20-\x7e]/.test(text)))].slice(0, 2);
}

export function Reading({ draft, preview }: { draft: Draft; preview: Preview }) {
  const say = useWords();
  const [open, setOpen] = useState(false);
  const { file } = preview;
  const csv = file.encoding !== null || file.delimiter !== null;
  const delimiter = DELIMITERS.find(([sign]) => sign === file.delimiter);
  const how = [
    file.format.toUpperCase(),
    file.encoding && (ENCODINGS[file.encoding] ?? file.encoding),
    delimiter && say(delimiter[1]),
    file.sheet && say("reading.sheet", { name: file.sheet }),
  ].filter(Boolean);
  const words = telling(preview);
  return (
    <>
      <Before imports={preview.same_file} />
      {preview.warnings
        .filter((each) => !SAID_ELSEWHERE.includes(each.code))
        .map((each) => (
          <Notice key={each.code} kind="warned">
            {each.message}
          </Notice>
        ))}
      <section className="card reading">
        <div className="line-apart">
          <p>
            <span className="quiet">{say("reading.as")}</span> <strong>{how.join(" · ")}</strong>
            {words.length > 0 && <span className="quiet"> — {words.join(", ")}</span>}
          </p>
          {(csv || file.sheets.length > 1) && (
            <Button look="plain" aria-expanded={open} onPress={() => setOpen(!open)}>
              {say("reading.change")}
            </Button>
          )}
        </div>
        {open && (
          <div className="fields">
            {csv && (
              <>
                <Choice
                  id="encoding"
                  label={say("reading.encoding")}
                  value={draft.choices.encoding ?? file.encoding ?? ""}
                  options={[...new Set([...(file.encoding ? [file.encoding] : []), ...Object.keys(ENCODINGS)])].map(
                    (each) => [each, ENCODINGS[each] ?? each],
                  )}
                  onChoice={(encoding) => choose({ encoding, page: 1 })}
                />
                <Choice
                  id="delimiter"
                  label={say("reading.delimiter")}
                  value={draft.choices.delimiter ?? file.delimiter ?? ""}
                  options={DELIMITERS.map(([sign, word]) => [sign, say(word)])}
                  onChoice={(sign) => divideBy({ delimiter: sign })}
                />
              </>
            )}
            {file.sheets.length > 1 && (
              <Choice
                id="sheet"
                label={say("reading.sheets")}
                value={draft.choices.sheet ?? file.sheet ?? ""}
                options={file.sheets.map((each) => [each, each])}
                onChoice={(sheet) => divideBy({ sheet })}
              />
            )}
          </div>
        )}
      </section>
    </>
  );
}

/** The imports of this very file, the newest first. */
function Before({ imports }: { imports: Preview["same_file"] }) {
  const say = useWords();
  const { moment } = useNumbers();
  const more = imports.length - NAMED;
  if (imports.length === 0) return null;
  return (
    <Notice kind="warned" title={say("reading.same")}>
      <ul className="plain-list">
        {imports.slice(0, NAMED).map((each) => (
          <li key={each.id}>
            <Link to={`/imports/${each.id}`}>
              {each.name}, {moment(each.created_at)}
            </Link>
          </li>
        ))}
        {more > 0 && (
          <li>{say(imports.length < TOLD ? "reading.same.more" : "reading.same.atLeast", { count: more })}</li>
        )}
      </ul>
    </Notice>
  );
}

interface ChoiceProps {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [string, string])[];
  readonly onChoice: (value: string) => void;
}

function Choice({ id, label, value, options, onChoice }: ChoiceProps) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} className="select" value={value} onChange={(event) => onChoice(event.target.value)}>
        {options.map(([each, text]) => (
          <option key={each} value={each}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}
