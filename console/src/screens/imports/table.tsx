import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { may } from "../../api/calls.ts";
import { usersQuery } from "../../api/leads.ts";
import type { Import, Me } from "../../api/types.ts";
import { countsOf, FatesBar, FatesLine } from "../../parts/fates.tsx";
import { Status } from "../../parts/status.tsx";
import { useNumbers, useWords } from "../../words/words.tsx";

const SKELETONS = ["first", "second", "third", "fourth", "fifth", "sixth"];

export function ImportsTable({ items, me }: { items: readonly Import[]; me: Me | null }) {
  return (
    <div className="table-frame">
      <table className="table imports">
        <Head />
        <tbody>
          {items.map((each) => (
            <ImportRow key={each.id} found={each} me={me} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Head() {
  const say = useWords();
  return (
    <thead>
      <tr>
        <th scope="col">{say("imports.column.name")}</th>
        <th scope="col">{say("imports.column.status")}</th>
        <th scope="col">{say("imports.column.outcome")}</th>
        <th scope="col" className="number">
          {say("imports.column.rows")}
        </th>
        <th scope="col" className="number">
          {say("imports.column.when")}
        </th>
      </tr>
    </thead>
  );
}

function ImportRow({ found, me }: { found: Import; me: Me | null }) {
  const say = useWords();
  const { number, ago, moment } = useNumbers();
  const counts = countsOf(found);
  const account = me?.accounts.find((each) => each.id === found.account_id)?.name;
  const own = found.creator_id === me?.user_id;
  const users = useQuery({ ...usersQuery, enabled: me !== null && !own && may(me, "VIEW_LEADS") }).data;
  const name = users?.find((each) => each.id === found.creator_id)?.name;
  const who = own ? say("imports.by.you") : (name ?? say("imports.by.user", { id: found.creator_id }));
  return (
    <tr>
      <td>
        <Link to={`/imports/${found.id}`} className="name">
          {found.name}
        </Link>
        <div className="small quiet file">{[account, found.file_name].filter(Boolean).join(" · ")}</div>
        {found.parent_id && (
          <Link to={`/imports/${found.parent_id}`} className="small">
            {say("imports.parent", { id: found.parent_id })}
          </Link>
        )}
      </td>
      <td>
        <Status found={found} />
      </td>
      <td className="outcome">
        <div className="stack-small">
          <FatesBar counts={counts} />
          <FatesLine counts={counts} />
        </div>
      </td>
      <td className="number rows">{number(found.total_rows)}</td>
      <td className="number when">
        <time dateTime={found.created_at} title={moment(found.created_at)}>
          {ago(found.created_at, Date.now())}
        </time>
        <div className="small quiet">{who}</div>
      </td>
    </tr>
  );
}

export function ImportsWaiting() {
  const say = useWords();
  return (
    <div className="table-frame" aria-busy="true">
      <span className="only-heard">{say("app.loading")}</span>
      <table className="table imports" aria-hidden="true">
        <tbody>
          {SKELETONS.map((each) => (
            <tr key={each}>
              <td>
                <span className="skeleton" style={{ width: "70%" }} />
              </td>
              <td>
                <span className="skeleton" style={{ width: 80 }} />
              </td>
              <td className="outcome">
                <span className="skeleton" />
              </td>
              <td className="rows">
                <span className="skeleton" style={{ width: 40 }} />
              </td>
              <td className="when">
                <span className="skeleton" style={{ width: 80 }} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
