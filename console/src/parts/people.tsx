import { useQuery } from "@tanstack/react-query";
import { meQuery } from "../api/calls.ts";
import { type User, usersQuery } from "../api/leads.ts";
import { useLeadWords } from "../words/lead-words.tsx";

/** What a user is called: who looks is "you"; a number is who left the company, or whose name is not known yet. */
export function usePeople(): (user: number) => string {
  const say = useLeadWords();
  const me = useQuery(meQuery).data;
  const users = useQuery(usersQuery).data ?? [];
  return (user) => {
    if (user === me?.user_id) return say("lead.you");
    return users.find((each) => each.id === user)?.name ?? say("lead.user", { id: user });
  };
}

/** Everybody but who looks, by name. */
export function useColleagues(): readonly User[] {
  const me = useQuery(meQuery).data;
  const users = useQuery(usersQuery).data ?? [];
  return users.filter((each) => each.id !== me?.user_id);
}
