import { Ban, CircleCheck, CircleX, LoaderCircle, Undo2 } from "lucide-react";
import type { Import } from "../api/types.ts";
import { useWords } from "../words/words.tsx";

const SHOWN = {
  PROCESSING: { icon: LoaderCircle, look: "running" },
  FINISHED: { icon: CircleCheck, look: "finished" },
  FAILED: { icon: CircleX, look: "failed" },
  CANCELED: { icon: Ban, look: "quiet" },
  UNDOING: { icon: Undo2, look: "running" },
  UNDONE: { icon: Undo2, look: "quiet" },
} as const;

export function statusOf(found: Import): keyof typeof SHOWN {
  if (found.undo) return found.undo.state === "RUNNING" ? "UNDOING" : "UNDONE";
  return found.status === "FAILED" && found.failure_reason === "canceled" ? "CANCELED" : found.status;
}

export function Status({ found }: { found: Import }) {
  const say = useWords();
  const status = statusOf(found);
  const { icon: Icon, look } = SHOWN[status];
  return (
    <span className={`badge badge-${look}`}>
      <Icon size={12} aria-hidden="true" />
      {say(`status.${status}`)}
    </span>
  );
}
