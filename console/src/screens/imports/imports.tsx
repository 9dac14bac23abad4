import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { Download, Plus } from "lucide-react";
import { useCallback, useState } from "react";
import { useLocation } from "wouter";
import { download, importsQuery, meQuery } from "../../api/calls.ts";
import type { ImportStatus, Me } from "../../api/types.ts";
import { Button, ButtonLink } from "../../parts/button.tsx";
import { useFileDrop } from "../../parts/file-drop.tsx";
import { Trouble } from "../../parts/trouble.tsx";
import { Page } from "../../shell/page.tsx";
import { useWords } from "../../words/words.tsx";
import { bring } from "../new-import/dropped.ts";
import { ImportsTable, ImportsWaiting } from "./table.tsx";

const STATUSES: readonly (ImportStatus | null)[] = [null, "PROCESSING", "FINISHED", "FAILED"];

export function ImportsScreen() {
  const say = useWords();
  const [status, setStatus] = useState<ImportStatus | null>(null);
  const [account, setAccount] = useState<number | null>(null);
  const me = useQuery(meQuery);
  const found = useInfiniteQuery(importsQuery({ status, account }));
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  const [, go] = useLocation();
  const over = useFileDrop(
    useCallback(
      (files: File[]) => {
        bring(files);
        go("/imports/new");
      },
      [go],
    ),
  );
  const nothing = found.isSuccess && items.length === 0;
  const filtered = status !== null || account !== null;
  return (
    <Page
      title={say("imports.title")}
      actions={
        // At one place whatever the list turns out to hold: who is on it while that is asked stays on it.
        <ButtonLink to="/imports/new" look="main">
          <Plus size={16} aria-hidden="true" />
          {say("imports.new")}
        </ButtonLink>
      }
    >
      {(!nothing || filtered) && (
        <div className="filters">
          {/* biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a line in all browsers */}
          <div className="choices" role="group" aria-label={say("imports.filter.status")}>
            {STATUSES.map((each) => (
              <button key={each} type="button" aria-pressed={status === each} onClick={() => setStatus(each)}>
                {each === null ? say("imports.filter.all") : say(`status.${each}`)}
              </button>
            ))}
          </div>
          <Accounts me={me.data ?? null} chosen={account} onChoice={setAccount} />
        </div>
      )}
      {found.isError && <Trouble error={found.error} again={() => void found.refetch()} />}
      {found.isPending && <ImportsWaiting />}
      {items.length > 0 && <ImportsTable items={items} me={me.data ?? null} />}
      {nothing && (filtered ? <NoMatch /> : <Empty over={over} templates={Boolean(me.data)} />)}
      {found.hasNextPage && (
        <div className="line">
          <Button onPress={() => void found.fetchNextPage()} isPending={found.isFetchingNextPage}>
            {say("imports.older")}
          </Button>
        </div>
      )}
    </Page>
  );
}

interface AccountsProps {
  readonly me: Me | null;
  readonly chosen: number | null;
  readonly onChoice: (account: number | null) => void;
}

function Accounts({ me, chosen, onChoice }: AccountsProps) {
  const say = useWords();
  if (!me || me.accounts.length < 2) return null;
  return (
    <select
      className="select"
      aria-label={say("imports.filter.account")}
      value={chosen ?? ""}
      onChange={(event) => onChoice(event.target.value ? Number(event.target.value) : null)}
    >
      <option value="">{say("imports.filter.account.all")}</option>
      {me.accounts.map((each) => (
        <option key={each.id} value={each.id}>
          {each.name}
        </option>
      ))}
    </select>
  );
}

function Empty({ over, templates }: { over: boolean; templates: boolean }) {
  const say = useWords();
  const save = useMutation({ mutationFn: () => download("/import/template.xlsx", "leadflow.xlsx") });
  return (
    <section className={`empty${over ? " drop-over" : ""}`}>
      <h2>{over ? say("new.letGo") : say("imports.empty.title")}</h2>
      <p className="quiet">{say("imports.empty.text")}</p>
      <div className="line empty-actions">
        {templates && (
          <Button onPress={() => save.mutate()} isPending={save.isPending}>
            <Download size={16} aria-hidden="true" />
            {say("new.template", { kind: "XLSX" })}
          </Button>
        )}
      </div>
      {save.isError && <Trouble error={save.error} />}
    </section>
  );
}

function NoMatch() {
  const say = useWords();
  return (
    <section className="empty">
      <h2>{say("imports.none.title")}</h2>
      <p className="quiet">{say("imports.none.text")}</p>
    </section>
  );
}
