import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { importQuery, meQuery } from "../../api/calls.ts";
import { useImportStream } from "../../api/stream.ts";
import type { Import } from "../../api/types.ts";
import { ButtonLink } from "../../parts/button.tsx";
import { useSources } from "../../parts/sources.tsx";
import { Status, statusOf } from "../../parts/status.tsx";
import { Trouble } from "../../parts/trouble.tsx";
import { Page } from "../../shell/page.tsx";
import { percents } from "../../words/percents.ts";
import { useNumbers, useWords } from "../../words/words.tsx";
import { Actions } from "./actions.tsx";
import { Live } from "./live.tsx";
import { Result } from "./result.tsx";

const UNDO_MS = 1_000;

export default function OneImport({ params }: { params: { id: string } }) {
  const id = Number(params.id);
  return Number.isSafeInteger(id) ? <Found key={id} id={id} /> : <NotFound />;
}

function Found({ id }: { id: number }) {
  const say = useWords();
  const { percent } = useNumbers();
  const found = useQuery({
    ...importQuery(id),
    refetchInterval: ({ state }) => (state.data?.undo?.state === "RUNNING" ? UNDO_MS : false),
  });
  const running = found.data?.status === "PROCESSING";
  const stream = useImportStream(id, running);
  if (!found.data) {
    return (
      <Page
        title={say("import.title", { id })}
        actions={found.isError && <ButtonLink to="/">{say("app.toImports")}</ButtonLink>}
      >
        {found.isError ? <Trouble error={found.error} again={() => void found.refetch()} /> : <Waiting />}
      </Page>
    );
  }
  const done = percents(found.data.progress.processed_rows, found.data.total_rows);
  return (
    <Page
      title={found.data.name}
      mark={running ? percent(done) : undefined}
      under={<About found={found.data} />}
      actions={<Actions found={found.data} />}
    >
      {found.isError && <Trouble error={found.error} again={() => void found.refetch()} />}
      {running ? <Live found={found.data} stream={stream} /> : <Result found={found.data} />}
      <Spoken found={found.data} />
    </Page>
  );
}

function About({ found }: { found: Import }) {
  const say = useWords();
  const { moment } = useNumbers();
  const sourceName = useSources();
  const me = useQuery(meQuery).data;
  const account = me?.accounts.find((each) => each.id === found.account_id)?.name;
  const source = me?.sources.find((each) => each.id === found.source_id)?.name;
  const about = [
    found.file_name,
    account,
    source && sourceName(source),
    moment(found.created_at),
    found.silent && say("import.silent"),
  ]
    .filter(Boolean)
    .join(" · ");
  return (
    <>
      <div className="line">
        <Status found={found} />
        <span className="quiet">{about}</span>
      </div>
      {(found.parent_id || Boolean(found.child_ids?.length)) && (
        <div className="line small">
          {found.parent_id && (
            <Link to={`/imports/${found.parent_id}`}>{say("imports.parent", { id: found.parent_id })}</Link>
          )}
          {found.child_ids?.map((child) => (
            <Link key={child} to={`/imports/${child}`}>
              {say("import.child", { id: child })}
            </Link>
          ))}
        </div>
      )}
    </>
  );
}

const SPOKEN_EVERY = 10_000;
const lastSpoken = new Map<number, { at: number; text: string }>();

/** What a screen reader says by itself: the progress every ten seconds at most, and the end. */
function Spoken({ found }: { found: Import }) {
  const say = useWords();
  const { percent } = useNumbers();
  const running = found.status === "PROCESSING";
  const done = percents(found.progress.processed_rows, found.total_rows);
  const before = lastSpoken.get(found.id);
  let text = before?.text ?? "";
  if (!running) text = say(`status.${statusOf(found)}`);
  else if (!before || Date.now() - before.at >= SPOKEN_EVERY) {
    text = say("import.spoken", { percent: percent(done) });
    lastSpoken.set(found.id, { at: Date.now(), text });
  }
  return (
    <div className="only-heard" role="status">
      {text}
    </div>
  );
}

function Waiting() {
  const say = useWords();
  return (
    <div className="stack" aria-busy="true">
      <span className="only-heard">{say("app.loading")}</span>
      <span className="skeleton" style={{ width: "40%", height: 16 }} />
      <span className="skeleton" style={{ height: 16 }} />
      <span className="skeleton" style={{ width: "60%" }} />
    </div>
  );
}

function NotFound() {
  const say = useWords();
  return (
    <Page title={say("app.notFound")} actions={<ButtonLink to="/">{say("app.toImports")}</ButtonLink>}>
      <p className="quiet">{say("app.notFound.text")}</p>
    </Page>
  );
}
