/** A schedule as a text grid: one row per actor, one column per move, time from left to right. */
import type { Access } from './page-model.ts';
import { HANDLER, SWAPPER, type Move } from './explore.ts';

export function scheduleGrid(moves: readonly Move[], accesses: readonly Access[]): string {
  const rows = [
    { name: 'swapper', actor: SWAPPER },
    ...accesses.map((access, actor) => ({ name: accesses.length > 1 ? `${access} #${actor + 1}` : access, actor })),
    { name: 'handler', actor: HANDLER },
  ].filter(({ actor }) => moves.some((move) => move.actor === actor));
  const widths = moves.map(({ text }) => text.length);
  const left = Math.max(...rows.map(({ name }) => name.length));
  return rows
    .map(({ name, actor }) => {
      const cells = moves.map((move, i) => (move.actor === actor ? move.text : '.').padEnd(widths[i]!));
      return `${name.padEnd(left)} | ${cells.join(' ')}`.trimEnd();
    })
    .join('\n');
}
