import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Download, FileSpreadsheet } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { useLocation, useSearchParams } from "wouter";
import { useHistoryState } from "wouter/use-browser-location";
import { download, meQuery } from "../../api/calls.ts";
import { Problem } from "../../api/problems.ts";
import { FIELDS, type Me, type Preview } from "../../api/types.ts";
import { upload } from "../../api/upload.ts";
import { Button, ButtonLink } from "../../parts/button.tsx";
import { useFileDrop } from "../../parts/file-drop.tsx";
import { Notice } from "../../parts/notice.tsx";
import { Trouble } from "../../parts/trouble.tsx";
import { Page } from "../../shell/page.tsx";
import { percents } from "../../words/percents.ts";
import { useNumbers, useWords } from "../../words/words.tsx";
import { type Draft, dataOf, type LOST, nameOf, setDraft, useDraft } from "./draft.ts";
import { takeDropped } from "./dropped.ts";
import { Steps } from "./steps.tsx";

const ENDINGS = ".csv,.txt,.tsv,.xlsx,.xlsm,.xlsb,.xls";
const MAX_BYTES = 20_000_000;

type Refusal = { kind: "large"; limit: number } | { kind: "many" } | { kind: "problem"; error: unknown };

interface Sending {
  readonly file: File;
  readonly sent: number;
  readonly total: number;
}

export default function FileStep() {
  const say = useWords();
  const [, go] = useLocation();
  const [parameters] = useSearchParams();
  const parent = Number(parameters.get("parent")) || null;
  const client = useQueryClient();
  const me = useQuery(meQuery).data ?? null;
  const draft = useDraft();
  const lost = useHistoryState<typeof LOST | null>()?.lost && !draft;
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [sending, setSending] = useState<Sending | null>(null);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);

  const take = useCallback(
    async (files: File[]) => {
      const [file] = files;
      if (!file) return;
      // A file may be chosen before we know which accounts there are: without one nothing can be asked about it.
      const caller = await client.ensureQueryData(meQuery).catch(() => null);
      const limit = caller?.limits.max_bytes ?? MAX_BYTES;
      if (files.length > 1) return setRefusal({ kind: "many" });
      if (file.size > limit) return setRefusal({ kind: "large", limit });
      setRefusal(null);
      const begun = beginning(file, caller, parent);
      abort.current?.abort();
      const own = new AbortController();
      abort.current = own;
      setSending({ file, sent: 0, total: file.size });
      try {
        const preview = await upload<Preview>({
          path: "/import/preview",
          file,
          data: dataOf(begun, { forPreview: true }),
          signal: own.signal,
          onProgress: (sent, total) => setSending({ file, sent, total }),
        });
        setDraft({ ...begun, preview, choices: { ...begun.choices, parent: preview.parent_id ?? parent } });
        go("/imports/new/check");
      } catch (error) {
        if (own.signal.aborted) return;
        if (error instanceof Problem && (error.status === 404 || error.status === 405)) {
          setDraft(begun);
          go("/imports/new/check");
        } else setRefusal({ kind: "problem", error });
      } finally {
        if (abort.current === own) setSending(null);
      }
    },
    [client, parent, go],
  );
  useEffect(() => {
    const files = takeDropped();
    if (files.length > 0) void take(files);
  }, [take]);
  const over = useFileDrop(useCallback((files: File[]) => void take(files), [take]));

  return (
    <Page title={say("new.title")} under={<Steps now="file" />} narrow>
      {parent && <Notice>{say("new.parent", { id: parent })}</Notice>}
      {draft && !sending && (
        <Notice action={<ButtonLink to="/imports/new/check">{say("new.continue")}</ButtonLink>}>
          {say("new.chosen", { name: draft.file.name })}
        </Notice>
      )}
      {lost && !refusal && !sending && (
        <Notice kind="warned" title={say("new.lost.title")} spoken>
          {say("new.lost.text")}
        </Notice>
      )}
      {refusal && <Refused refusal={refusal} />}
      {sending ? (
        <SendingFile sending={sending} onCancel={() => abort.current?.abort()} onEnd={() => setSending(null)} />
      ) : (
        <DropZone over={over} me={me} onFiles={(files) => void take(files)} />
      )}
      <Columns templates={me !== null} />
    </Page>
  );
}

function beginning(file: File, me: Me | null, parent: number | null): Draft {
  return {
    file,
    preview: null,
    key: crypto.randomUUID(),
    choices: {
      name: nameOf(file),
      account: me?.accounts[0]?.id ?? null,
      source: me?.sources.length === 1 ? (me.sources[0]?.id ?? null) : null,
      tags: [],
      invalid: "skip",
      encoding: null,
      delimiter: null,
      sheet: null,
      mapping: {},
      kept: [],
      silent: false,
      list: null,
      newList: null,
      corrections: {},
      parent,
      page: 1,
    },
  };
}

function Refused({ refusal }: { refusal: Refusal }) {
  const say = useWords();
  const { bytes } = useNumbers();
  if (refusal.kind === "problem") return <Trouble error={refusal.error} />;
  return refusal.kind === "many" ? (
    <Notice kind="error" title={say("new.many.title")}>
      {say("new.many.text")}
    </Notice>
  ) : (
    <Notice kind="error" title={say("new.large.title")}>
      {say("new.large.text", { limit: bytes(refusal.limit) })}
    </Notice>
  );
}

function DropZone({ over, me, onFiles }: { over: boolean; me: Me | null; onFiles: (files: File[]) => void }) {
  const say = useWords();
  const { bytes } = useNumbers();
  const field = useRef<HTMLInputElement>(null);
  return (
    <section className={`drop${over ? " drop-over" : ""}`} aria-label={say("new.drop")}>
      <FileSpreadsheet size={32} strokeWidth={1.5} aria-hidden="true" />
      <p className="drop-title">{over ? say("new.letGo") : say("new.drop")}</p>
      <Button look="main" onPress={() => field.current?.click()}>
        {say("new.choose")}
      </Button>
      <input
        ref={field}
        type="file"
        accept={ENDINGS}
        hidden
        onChange={(event) => {
          onFiles([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
      <p className="small quiet">
        {me ? say("new.limits", { rows: me.limits.max_rows, bytes: bytes(me.limits.max_bytes) }) : say("new.kinds")}
      </p>
    </section>
  );
}

function SendingFile({ sending, onCancel, onEnd }: { sending: Sending; onCancel: () => void; onEnd: () => void }) {
  const say = useWords();
  const { bytes } = useNumbers();
  const done = percents(sending.sent, sending.total);
  const text =
    done < 100 ? say("new.sending", { sent: bytes(sending.sent), total: bytes(sending.total) }) : say("new.reading");
  return (
    <section className="card stack">
      <div className="line-apart">
        <strong className="cut">{sending.file.name}</strong>
        <Button
          onPress={() => {
            onCancel();
            onEnd();
          }}
        >
          {say("cancel")}
        </Button>
      </div>
      <div
        className="progress"
        role="progressbar"
        aria-label={sending.file.name}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={done}
        aria-valuetext={text}
      >
        <div className="progress-done" style={{ width: `${done}%` }} />
      </div>
      <p className="small quiet">{text}</p>
    </section>
  );
}

/** An API that says who is signed in has templates, too. */
function Columns({ templates }: { templates: boolean }) {
  const say = useWords();
  const save = useMutation({ mutationFn: (kind: string) => download(`/import/template.${kind}`, `leadflow.${kind}`) });
  return (
    <section className="stack" aria-labelledby="columns">
      <div className="line-apart">
        <h2 id="columns">{say("new.columns")}</h2>
        <div className="line">
          {(templates ? (["xlsx", "csv"] as const) : []).map((kind) => (
            <Button key={kind} onPress={() => save.mutate(kind)} isPending={save.isPending}>
              <Download size={16} aria-hidden="true" />
              {say("new.template", { kind: kind.toUpperCase() })}
            </Button>
          ))}
        </div>
      </div>
      {save.isError && <Trouble error={save.error} />}
      <div className="table-frame">
        <table className="table fields-table">
          <tbody>
            {FIELDS.map((field) => (
              <tr key={field}>
                <th scope="row">
                  {say(`field.${field}`)}
                  {(field === "name" || field === "phone") && <span className="must"> {say("new.required")}</span>}
                </th>
                <td>{say(`example.${field}`)}</td>
                <td className="quiet">{say(`example.${field}.more`)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
