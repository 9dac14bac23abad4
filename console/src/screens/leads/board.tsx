import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ArrowRightLeft } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Menu, MenuItem, MenuTrigger } from "react-aria-components/Menu";
import { Popover } from "react-aria-components/Popover";
import { Link } from "wouter";
import { may, meQuery } from "../../api/calls.ts";
import {
  forgetLeads,
  type LeadQuery,
  type LeadRow,
  type LeadStatus,
  leadsQuery,
  moveLead,
  STATUSES,
} from "../../api/leads.ts";
import { Button } from "../../parts/button.tsx";
import { STATUS_ICONS } from "../../parts/lead-status.tsx";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
import { usePeople } from "../../parts/people.tsx";
import { placeIsOpen } from "../../shell/keep-place.ts";
import { Page } from "../../shell/page.tsx";
import { useLeadWords } from "../../words/lead-words.tsx";
import { readablePhone } from "../../words/phones.ts";
import { useNumbers } from "../../words/words.tsx";
import { Filters } from "./filters.tsx";
import { reachable } from "./pipeline.ts";
import { Tabs } from "./tabs.tsx";
import { queryOf, useSought, useWanted, withStatus } from "./wanted.ts";

const CARDS = 20;

interface Held {
  readonly lead: LeadRow;
  readonly id: string;
}

interface Step extends Held {
  readonly to: LeadStatus;
}

/** The pipeline: a column for each status. A card is drawn to another column, or moved by the menu that it has. */
export function Board() {
  const say = useLeadWords();
  const client = useQueryClient();
  const me = useQuery(meQuery);
  const [wanted, want] = useWanted();
  const sought = useSought();
  const query = queryOf(wanted, sought, me.isPending ? undefined : (me.data ?? null));
  const [held, setHeld] = useState<Held | null>(null);
  const move = useMutation({
    mutationFn: ({ id, to }: Step) => moveLead({ id, version: null }, to, null),
    // Also when it was refused: what stands here may be old.
    onSettled: () => forgetLeads(client),
  });
  const moved = move.isSuccess ? move.variables : null;
  const shared = {
    held,
    onHold: setHeld,
    onMove: (step: Step) => move.mutate(step),
    mayMove: may(me.data, "EDIT_LEADS"),
    movedId: moved?.id ?? null,
    movingId: move.isPending ? move.variables.id : null,
  };
  return (
    <Page title={say("leads.title")} under={<Tabs />}>
      <Filters wanted={wanted} want={want} sought={sought} me={me.data ?? null} ofBoard />
      {move.isError && <LeadTrouble error={move.error} />}
      <p className="only-heard" role="status">
        {moved && say("board.moved", { name: nameOf(moved.lead, say), status: say(`lead.status.${moved.to}`) })}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be scrolled from the keyboard, too */}
      <section className="board" tabIndex={0} aria-label={say("leads.tab.board")}>
        {query && STATUSES.map((status) => <Stage key={status} status={status} query={query} {...shared} />)}
      </section>
    </Page>
  );
}

function nameOf(lead: LeadRow, say: ReturnType<typeof useLeadWords>): string {
  return lead.name || lead.email || say("lead.nameless");
}

interface Shared {
  readonly held: Held | null;
  readonly onHold: (held: Held | null) => void;
  readonly onMove: (step: Step) => void;
  readonly mayMove: boolean;
  readonly movedId: string | null;
  readonly movingId: string | null;
}

function Stage({ status, query, ...shared }: Shared & { status: LeadStatus; query: LeadQuery }) {
  const say = useLeadWords();
  const { number } = useNumbers();
  const found = useInfiniteQuery(leadsQuery(withStatus(query, status), CARDS));
  const [over, setOver] = useState(false);
  const { held, onHold, onMove } = shared;
  const takes = held !== null && reachable(held.lead.status).includes(status);
  const Icon = STATUS_ICONS[status];
  const first = found.data?.pages[0];
  const title = `stage-${status}`;
  return (
    <section
      className={`stage${held && !takes && held.lead.status !== status ? " stage-closed" : ""}${over && takes ? " stage-over" : ""}`}
      aria-labelledby={title}
      onDragOver={(event) => {
        if (!takes) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (held && takes) onMove({ ...held, to: status });
        onHold(null);
      }}
    >
      <h2 id={title} className={`stage-title lead-${status}`}>
        <Icon size={16} aria-hidden="true" />
        {say(`lead.status.${status}`)}
        {first && (
          <span className="stage-count">
            {number(first.total)}
            {!first.total_is_exact && "+"}
          </span>
        )}
      </h2>
      {found.isError && <LeadTrouble error={found.error} again={() => void found.refetch()} />}
      {found.isPending && <span className="skeleton" style={{ height: 64 }} />}
      <ul className="stack-small">
        {found.data?.pages
          .flatMap((page) => page.items)
          .map((lead, at) => (
            <Card key={lead.id ?? at} lead={lead} {...shared} />
          ))}
      </ul>
      {first && first.total === 0 && <p className="small quiet stage-empty">{say("board.none")}</p>}
      {found.hasNextPage && (
        <Button look="plain" onPress={() => void found.fetchNextPage()} isPending={found.isFetchingNextPage}>
          {say("rows.more")}
        </Button>
      )}
    </section>
  );
}

function Card({ lead, held, onHold, onMove, mayMove, movedId, movingId }: Shared & { lead: LeadRow }) {
  const say = useLeadWords();
  const person = usePeople();
  const name = nameOf(lead, say);
  const { id } = lead;
  const card = useRef<HTMLLIElement>(null);
  const justMoved = id !== null && movedId === id;
  // The button that moved it went with its old column.
  useEffect(() => {
    if (justMoved && placeIsOpen()) card.current?.querySelector("button")?.focus();
  }, [justMoved]);
  const movable = mayMove && id !== null && movingId !== id;
  return (
    <li
      ref={card}
      className={`card lead-card${held?.id === id ? " lead-card-held" : ""}`}
      draggable={movable}
      aria-busy={id !== null && movingId === id}
      onDragStart={(event) => {
        if (!id) return;
        // Nothing of the lead: another program may read what is let go over it.
        event.dataTransfer.setData("application/x-leadflow", "");
        event.dataTransfer.effectAllowed = "move";
        onHold({ lead, id });
      }}
      onDragEnd={() => onHold(null)}
    >
      <div className="lead-card-head">
        {id ? (
          <Link to={`/leads/${id}`} className="name" draggable={false}>
            {name}
          </Link>
        ) : (
          <span className="name">{name}</span>
        )}
        {mayMove && id && (
          <MenuTrigger>
            <Button look="plain" icon aria-label={say("board.move", { name })} isPending={!movable}>
              <ArrowRightLeft size={16} aria-hidden="true" />
            </Button>
            <Popover className="menu" placement="bottom end">
              <Menu
                aria-label={say("board.move", { name })}
                onAction={(key) => onMove({ lead, id, to: key as LeadStatus })}
              >
                {reachable(lead.status).map((each) => (
                  <MenuItem key={each} id={each} className="menu-item">
                    {say(`lead.status.${each}`)}
                  </MenuItem>
                ))}
              </Menu>
            </Popover>
          </MenuTrigger>
        )}
      </div>
      <p className="small quiet cut">{lead.company || lead.email || (lead.phone && readablePhone(lead.phone))}</p>
      {lead.assigned_to !== null && <p className="small quiet">{person(lead.assigned_to)}</p>}
    </li>
  );
}
