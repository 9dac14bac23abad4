// The page of such things as a company makes by giving them a name: what makes one, and a table of those that there are.

import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
import { Page } from "../../shell/page.tsx";
import { type LeadWord, useLeadWords } from "../../words/lead-words.tsx";
import { Waiting } from "../one-lead/one-lead.tsx";
import { Tabs } from "./tabs.tsx";

interface Props<Thing> {
  /** What makes one; who may not, has none. */
  readonly making: ReactNode;
  readonly things: UseQueryResult<readonly Thing[]>;
  readonly empty: { readonly title: LeadWord; readonly text: LeadWord };
  readonly columns: readonly { readonly title: LeadWord; readonly number?: boolean }[];
  /** The cells of its row, in the order of the columns, and its key. */
  readonly row: (thing: Thing) => { readonly key: string; readonly cells: ReactNode };
  /** What is done with one. */
  readonly actions?: ((thing: Thing) => ReactNode) | undefined;
  readonly children?: ReactNode;
}

export function Things<Thing>({ making, things, empty, columns, row, actions, children }: Props<Thing>) {
  const say = useLeadWords();
  return (
    <Page title={say("leads.title")} under={<Tabs />}>
      {making}
      {things.isError && <LeadTrouble error={things.error} again={() => void things.refetch()} />}
      {things.isPending && <Waiting />}
      {things.data?.length === 0 && (
        <section className="empty">
          <h2>{say(empty.title)}</h2>
          <p className="quiet">{say(empty.text)}</p>
        </section>
      )}
      {things.data && things.data.length > 0 && (
        <div className="table-frame">
          <table className="table leads">
            <thead>
              <tr>
                {columns.map(({ title, number }) => (
                  <th key={title} scope="col" className={number ? "number" : undefined}>
                    {say(title)}
                  </th>
                ))}
                {actions && (
                  <th scope="col">
                    <span className="only-heard">{say("lead.actions")}</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {things.data.map((thing) => {
                const { key, cells } = row(thing);
                return (
                  <tr key={key}>
                    {cells}
                    {actions && <td className="actions">{actions(thing)}</td>}
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {children}
    </Page>
  );
}
