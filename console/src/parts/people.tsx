import { useQuery } from "@tanstack/react-query";
import { meQuery } from "../api/calls.ts";
import { useLeadWords } from "../words/lead-words.tsx";

/** What a user is called: the platform tells no names, so it is the number, or who looks. */
export function usePeople(): (user: number) => string {
  const say = useLeadWords();
  const me = useQuery(meQuery).data;
  return (user) => (user === me?.user_id ? say("lead.you") : say("lead.user", { id: user }));
}
