// Fields by the names that people know: a company's own are called as the company calls them.

import { useQuery } from "@tanstack/react-query";
import { ownFieldsQuery } from "../api/calls.ts";
import { type AnyField, keyOf } from "../api/types.ts";
import { useWords } from "./words.tsx";

export function useFieldNames(): (field: AnyField) => string {
  const say = useWords();
  const own = useQuery(ownFieldsQuery).data ?? [];
  return (field) => {
    const key = keyOf(field);
    if (key !== null) return own.find((each) => each.key === key)?.label ?? key;
    return say(`field.${field as Exclude<AnyField, `custom:${string}`>}`);
  };
}
