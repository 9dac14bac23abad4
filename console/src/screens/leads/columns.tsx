// Which columns the table has: kept in the browser, by their names alone.

import { Settings2 } from "lucide-react";
import { useState } from "react";
import { Menu, MenuItem, MenuTrigger } from "react-aria-components/Menu";
import { Popover } from "react-aria-components/Popover";
import { Button } from "../../parts/button.tsx";
import { keep, kept } from "../../shell/preferences.ts";
import { useLeadWords } from "../../words/lead-words.tsx";

export const COLUMNS = [
  ...(["status", "company", "email", "phone", "source", "channel", "assigned_to", "priority"] as const),
  ...(["created_at", "updated_at"] as const),
];
export type Column = (typeof COLUMNS)[number];
const USUAL: readonly Column[] = ["status", "email", "phone", "source", "assigned_to", "created_at"];
const KEPT = "lead-columns";

export function useColumns(): [readonly Column[], (columns: readonly Column[]) => void] {
  const [shown, setShown] = useState<readonly Column[]>(() => {
    const names = kept(KEPT)?.split(",");
    return names ? COLUMNS.filter((each) => names.includes(each)) : USUAL;
  });
  const choose = (columns: readonly Column[]) => {
    const ordered = COLUMNS.filter((each) => columns.includes(each));
    keep(KEPT, ordered.join(","));
    setShown(ordered);
  };
  return [shown, choose];
}

interface Props {
  readonly shown: readonly Column[];
  readonly onChange: (columns: readonly Column[]) => void;
}

export function ColumnMenu({ shown, onChange }: Props) {
  const say = useLeadWords();
  return (
    <MenuTrigger>
      <Button>
        <Settings2 size={16} aria-hidden="true" />
        {say("leads.columns")}
      </Button>
      <Popover className="menu" placement="bottom end">
        <Menu
          aria-label={say("leads.columns")}
          selectionMode="multiple"
          selectedKeys={shown}
          onSelectionChange={(keys) => onChange(keys === "all" ? COLUMNS : COLUMNS.filter((each) => keys.has(each)))}
        >
          {COLUMNS.map((each) => (
            <MenuItem key={each} id={each} className="menu-item">
              {say(`lead.${each}`)}
            </MenuItem>
          ))}
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}
