/** How much is done, in whole percents: 100 for all of it alone. Of integers, as 0.29 times 100 is a little less than 29. */
export function percents(done: number, total: number): number {
  return total > 0 ? Math.floor((100 * done) / total) : 100;
}
