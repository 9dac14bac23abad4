// Files that were dropped on another page than that of a new import, on their way there.

let dropped: File[] | null = null;

export function bring(files: File[]): void {
  dropped = files;
}

export function takeDropped(): File[] {
  const files = dropped ?? [];
  dropped = null;
  return files;
}
