import { useWords, type Word } from "../words/words.tsx";

/** The sources that every company has; others have a name of their own. */
const OURS = ["website", "referral", "social", "other"];

export function useSources(): (name: string) => string {
  const say = useWords();
  return (name) => (OURS.includes(name) ? say(`lead.source.${name}` as Word) : name);
}
