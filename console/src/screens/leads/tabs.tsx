import { useQuery } from "@tanstack/react-query";
import { FileInput, List, ListChecks, SquareKanban, TableProperties } from "lucide-react";
import { useEffect, useRef } from "react";
import { Link, useLocation, useSearch } from "wouter";
import { may, meQuery } from "../../api/calls.ts";
import { type LeadWord, useLeadWords } from "../../words/lead-words.tsx";

interface Tab {
  readonly path: string;
  readonly word: LeadWord;
  readonly icon: typeof List;
  readonly needs?: string;
}

const TABS: readonly Tab[] = [
  { path: "/leads", word: "leads.tab.table", icon: List },
  { path: "/leads/board", word: "leads.tab.board", icon: SquareKanban },
  { path: "/leads/lists", word: "leads.tab.lists", icon: ListChecks },
  { path: "/leads/fields", word: "leads.tab.fields", icon: TableProperties },
  { path: "/leads/forms", word: "leads.tab.forms", icon: FileInput, needs: "EDIT_LEADS" },
];
const FILTERED = ["/leads", "/leads/board"];

/** The rooms of leads. Table and board show the same leads: what was chosen goes along. */
export function Tabs() {
  const say = useLeadWords();
  const [path] = useLocation();
  const search = useSearch();
  const me = useQuery(meQuery).data;
  const nav = useRef<HTMLElement>(null);
  // On a telephone they are wider than the page: the one that is shown is seen.
  useEffect(() => {
    const shown = nav.current?.querySelector<HTMLElement>("[aria-current]");
    if (nav.current && shown) nav.current.scrollLeft = shown.offsetLeft + shown.offsetWidth - nav.current.clientWidth;
  }, []);
  return (
    <nav ref={nav} className="tabs" aria-label={say("leads.tabs")}>
      {TABS.filter(({ needs }) => !needs || may(me, needs)).map(({ path: to, word, icon: Icon }) => (
        <Link
          key={to}
          to={FILTERED.includes(to) && FILTERED.includes(path) && search ? `${to}?${search}` : to}
          aria-current={path === to ? "page" : undefined}
        >
          <Icon size={16} aria-hidden="true" />
          {say(word)}
        </Link>
      ))}
    </nav>
  );
}
