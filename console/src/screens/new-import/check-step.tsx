import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Redirect, useLocation } from "wouter";
import { meQuery } from "../../api/calls.ts";
import { makeList } from "../../api/leads.ts";
import { Problem } from "../../api/problems.ts";
import type { Preview } from "../../api/types.ts";
import { upload } from "../../api/upload.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Trouble } from "../../parts/trouble.tsx";
import { stopAsking, useAskBeforeLeaving, useHeldWay } from "../../shell/leaving.tsx";
import { Page } from "../../shell/page.tsx";
import { useNumbers, useWords } from "../../words/words.tsx";
import { Columns } from "./columns.tsx";
import { choose, currentDraft, type Draft, dataOf, LOST, nextName, setDraft, useDraft } from "./draft.ts";
import { Forecast } from "./forecast.tsx";
import { Options } from "./options.tsx";
import { PreviewRows } from "./preview-rows.tsx";
import { Reading } from "./reading.tsx";
import { recall, remember } from "./remembered.ts";
import { Steps } from "./steps.tsx";
import { usePreview } from "./use-preview.ts";

export default function CheckStep() {
  const draft = useDraft();
  const [sent, setSent] = useState(false);
  if (!draft) return sent ? null : <Redirect to="/imports/new" replace state={LOST} />;
  return <Check draft={draft} onSent={() => setSent(true)} />;
}

function Check({ draft, onSent }: { draft: Draft; onSent: () => void }) {
  const say = useWords();
  const preview = usePreview(draft);
  const [chosen, setChosen] = useState<string | null>(null);
  const submit = useSubmit(onSent);
  useAskBeforeLeaving(true);
  useRemembered(draft.preview);
  const found = draft.preview;
  return (
    <Page title={say("check.title", { name: draft.file.name })} under={<Steps now="check" />}>
      {preview.error !== null && <Trouble error={preview.error} again={preview.again} />}
      {found && <Reading draft={draft} preview={found} />}
      {found && <Forecast preview={found} chosen={chosen} onChoice={setChosen} stale={preview.busy} />}
      {found && <Columns draft={draft} columns={found.columns} missing={found.missing} />}
      {found && <PreviewRows draft={draft} preview={found} chosen={chosen} stale={preview.busy} />}
      <Options draft={draft} nameTaken={submit.nameTaken} listTaken={submit.listTaken} />
      {submit.error !== null && <Refused error={submit.error} again={submit.send} />}
      <Bottom draft={draft} submit={submit} busy={preview.busy} />
      <Leaving />
    </Page>
  );
}

/** The button stays in sight however far somebody has gone down or up; its answer would stand below the form, unseen. */
function Refused({ error, again }: { error: unknown; again: () => void }) {
  const place = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each answer is shown
  useEffect(() => place.current?.scrollIntoView({ block: "center" }), [error]);
  return (
    <div ref={place}>
      <Trouble error={error} again={again} />
    </div>
  );
}

interface Submit {
  readonly send: () => void;
  readonly sending: boolean;
  readonly error: unknown;
  readonly nameTaken: string | null;
  readonly listTaken: string | null;
}

/** Sends the import. The same key until something else is chosen: a second click or a second try is the same import. */
function useSubmit(onSent: () => void): Submit {
  const client = useQueryClient();
  const [, go] = useLocation();
  const [sending, setSending] = useState(false);
  // Known before anything is drawn anew: a second click may come earlier.
  const begun = useRef(false);
  const [error, setError] = useState<unknown>(null);
  const [nameTaken, setNameTaken] = useState<string | null>(null);
  const [listTaken, setListTaken] = useState<string | null>(null);
  const send = async () => {
    if (begun.current || !currentDraft()) return;
    begun.current = true;
    setSending(true);
    setError(null);
    setListTaken(null);
    try {
      if (!(await hasItsList())) return;
      const draft = currentDraft();
      if (!draft) return;
      const accepted = await upload<{ id: number }>({
        path: "/import",
        file: draft.file,
        data: dataOf(draft, { forPreview: false }),
        key: draft.key,
        signal: new AbortController().signal,
      });
      if (draft.preview) await remember(draft.preview.columns, draft.choices.kept);
      // An import that this one corrects says so of itself, the list has one more, and there may be new fields.
      await Promise.all(
        [["imports"], ["import"], ["fields"]].map((queryKey) => client.invalidateQueries({ queryKey })),
      );
      stopAsking();
      onSent();
      setDraft(null);
      go(`/imports/${accepted.id}`, { replace: true });
    } catch (found) {
      const name = currentDraft()?.choices.name ?? "";
      if (found instanceof Problem && found.code === "name_taken") {
        setNameTaken(name);
        choose({ name: nextName(name) });
        document.getElementById("import-name")?.focus();
      } else setError(found);
    } finally {
      begun.current = false;
      setSending(false);
    }
  };
  /** Makes the list that its leads are to be put into; once, however often the import is sent. */
  const hasItsList = async (): Promise<boolean> => {
    const name = currentDraft()?.choices.newList?.trim();
    if (!name) return true;
    try {
      const made = await makeList(name, null);
      choose({ list: made.id, newList: null });
      await client.invalidateQueries({ queryKey: ["lists"] });
      return true;
    } catch (found) {
      if (!(found instanceof Problem && found.code === "name_taken")) throw found;
      setListTaken(name);
      document.getElementById("new-list")?.focus();
      return false;
    }
  };
  return { send: () => void send(), sending, error, nameTaken, listTaken };
}

/** Columns that the person told apart before are told apart so again. */
function useRemembered(preview: Preview | null): void {
  const sha = preview?.file.sha256;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once a file
  useEffect(() => {
    if (!preview) return;
    void recall(preview.columns).then((found) => {
      const choices = currentDraft()?.choices;
      if (!found || !choices || Object.keys(choices.mapping).length > 0 || choices.kept.length > 0) return;
      if (Object.keys(found.mapping).length > 0 || found.kept.length > 0) choose(found);
    });
  }, [sha]);
}

function Bottom({ draft, submit, busy }: { draft: Draft; submit: Submit; busy: boolean }) {
  const say = useWords();
  const { number } = useNumbers();
  const { preview, choices } = draft;
  const me = useQuery(meQuery).data ?? null;
  const errors = preview?.forecast?.errors ?? 0;
  const rows = preview ? preview.total_rows - errors : 0;
  const why = whyNot();
  const label = !preview
    ? say("check.import")
    : errors > 0
      ? say("check.importValid", { rows })
      : say("check.importRows", { rows });
  const ready = why === null && !busy && !submit.sending;
  const { send } = submit;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && ready) {
        event.preventDefault();
        send();
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [ready, send]);
  return (
    <div className="bottom">
      <div className="quiet small" role="status">
        {submit.sending ? say("check.sending") : busy ? say("check.looking") : (why ?? whatHappens())}
      </div>
      <Button look="main" onPress={submit.send} isPending={submit.sending} isDisabled={why !== null || busy}>
        {label}
      </Button>
    </div>
  );

  function whyNot(): string | null {
    if (preview?.missing.length) return say("check.why.missing");
    if (preview && !preview.forecast) return say("check.why.unknown");
    if (!choices.account) return say("check.why.account");
    if (!choices.source) return say("check.why.source");
    if (!choices.name.trim()) return say("check.why.name");
    if (choices.newList !== null && !choices.newList.trim()) return say("check.why.list");
    if (preview && choices.invalid === "reject" && errors > 0) return say("check.why.errors", { errors });
    if (preview && rows === 0) return say("check.why.none");
    return null;
  }

  function whatHappens(): string {
    const account = me?.accounts.find((each) => each.id === choices.account)?.name ?? "";
    if (!preview?.forecast) return account;
    const { created, existing } = preview.forecast;
    return say("check.happens", { created: number(created), existing: number(existing), errors: number(errors) });
  }
}

function Leaving() {
  const say = useWords();
  const way = useHeldWay();
  return (
    <Dialog title={say("leave.title")} open={way !== null} onClose={() => way?.stay()}>
      <p>{say("leave.text")}</p>
      <div className="dialog-actions">
        <Button autoFocus onPress={() => way?.stay()}>
          {say("leave.stay")}
        </Button>
        <Button look="danger" onPress={() => way?.go()}>
          {say("leave.go")}
        </Button>
      </div>
    </Dialog>
  );
}
