/** The key of a new field, from its label: letters without accents, digits and underscores, as the API takes them. */
export function keyOf(label: string): string {
  const key = label
    .normalize("NFD")
    .replace(/\p{Mn}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "")
    .slice(0, 60);
  return /^[a-z]/.test(key) ? key : `field_${key}`.replace(/_$/, "");
}
