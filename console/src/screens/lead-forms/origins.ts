/** The origins of pages, as people write them, one after another: an address that was copied from a page will do. */
export function originsOf(text: string): { readonly origins: string[]; readonly wrong: string[] } {
  const origins = new Set<string>();
  const wrong: string[] = [];
  for (const written of text.split(/[\s,;]+/).filter(Boolean)) {
    const origin = originOf(written);
    if (origin) origins.add(origin);
    else wrong.push(written);
  }
  return { origins: [...origins], wrong };
}

/** A star stands for any host nowhere here; some browsers write it as %2A. */
function originOf(written: string): string | null {
  const address = written.includes("://") ? written : `https://${written}`;
  if (!URL.canParse(address)) return null;
  const { protocol, hostname, origin } = new URL(address);
  return /^https?:$/.test(protocol) && hostname && !/[*%]/.test(hostname) ? origin : null;
}
