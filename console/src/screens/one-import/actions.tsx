import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Ban, Trash2, Undo2, UsersRound } from "lucide-react";
import { useState } from "react";
import { useLocation } from "wouter";
import { deleteImport, forget, may, meQuery, post } from "../../api/calls.ts";
import { Problem } from "../../api/problems.ts";
import type { Import } from "../../api/types.ts";
import { Button, ButtonLink } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { countsOf } from "../../parts/fates.tsx";
import { Trouble } from "../../parts/trouble.tsx";
import { useWords, type Word } from "../../words/words.tsx";

type Action = "cancel" | "undo" | "delete";

/** Somebody else was first: what was asked for is so already. */
const DONE_BEFORE = ["import_ended", "undo_done"];

export function Actions({ found }: { found: Import }) {
  const say = useWords();
  const calls = useQueryClient();
  const [, go] = useLocation();
  const [asked, setAsked] = useState<Action | null>(null);
  const act = useMutation({
    mutationFn: async (action: Action) => {
      if (action === "delete") return deleteImport(found.id);
      try {
        await post(`/imports/${found.id}/${action}`);
      } catch (error) {
        if (!(error instanceof Problem && DONE_BEFORE.includes(error.code))) throw error;
      }
    },
    onSuccess: async (_, action) => {
      if (action === "delete") {
        go("/");
        await calls.invalidateQueries({ queryKey: ["imports"] });
        return;
      }
      await forget(calls, found.id);
      setAsked(null);
    },
  });
  const me = useQuery(meQuery).data;
  const counts = countsOf(found);
  const running = found.status === "PROCESSING";
  const canceling = running && Boolean(found.cancel_requested_at || (act.isSuccess && act.variables === "cancel"));
  const text: Record<Action, string> = {
    cancel: say("cancel.text", { created: counts.created, left: counts.left }),
    undo: say("undo.text", { created: counts.created }),
    delete: say("delete.text", { created: counts.created }),
  };
  const close = () => {
    setAsked(null);
    act.reset();
  };
  return (
    <>
      {found.undo === null && counts.created > 0 && may(me, "VIEW_LEADS") && (
        <ButtonLink to={`/leads?import_id=${found.id}`}>
          <UsersRound size={16} aria-hidden="true" />
          {say("import.leads", { leads: counts.created })}
        </ButtonLink>
      )}
      {running && found.canceled !== undefined && (
        <Button onPress={() => setAsked("cancel")} isPending={canceling}>
          <Ban size={16} aria-hidden="true" />
          {canceling ? say("cancel.running") : say("cancel.button")}
        </Button>
      )}
      {!running && found.undo === null && counts.created > 0 && (
        <Button onPress={() => setAsked("undo")}>
          <Undo2 size={16} aria-hidden="true" />
          {say("undo.button")}
        </Button>
      )}
      {!running && (
        <Button look="plain" onPress={() => setAsked("delete")} isDisabled={found.undo?.state === "RUNNING"}>
          <Trash2 size={16} aria-hidden="true" />
          {say("delete.button")}
        </Button>
      )}
      <Dialog title={asked ? say(`${asked}.title` as Word) : ""} open={asked !== null} onClose={close}>
        {asked && (
          <>
            <p>{text[asked]}</p>
            {act.isError && <Trouble error={act.error} />}
            <div className="dialog-actions">
              <Button onPress={close} autoFocus>
                {say(`${asked}.keep` as Word)}
              </Button>
              <Button look="danger" onPress={() => act.mutate(asked)} isPending={act.isPending}>
                {say(`${asked}.do` as Word, { created: counts.created })}
              </Button>
            </div>
          </>
        )}
      </Dialog>
    </>
  );
}
