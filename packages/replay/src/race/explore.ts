/**
 * Every interleaving of one eviction with a few concurrent accesses, by breadth-first search over explicit states: the first losing
 * state found has a shortest schedule.
 */
import type { KernelOp } from '../primitive.ts';
import { PageModel, type Access, type PageStart, type Wait } from './page-model.ts';

/**
 * What the fault handler does with an access that waits inside the eviction window. rescue = takes the page out of the eviction;
 * finish = lets the eviction end first; unserialised = removes the protection without telling the swapper.
 */
export const HANDLERS = ['rescue', 'finish', 'unserialised'] as const;
export type Handler = (typeof HANDLERS)[number];

export interface Scenario {
  readonly steps: readonly KernelOp[];
  readonly accesses: readonly Access[];
  readonly page: PageStart;
  readonly handler: Handler;
}

/** One move of one actor. */
export interface Move {
  /** -1 = the swapper, -2 = the fault handler, else an index into accesses. */
  readonly actor: number;
  readonly text: string;
}
export const SWAPPER = -1;
export const HANDLER = -2;

export interface Exploration {
  readonly states: number;
  readonly ends: number;
  readonly lostWrites: boolean;
  readonly staleReads: boolean;
  /** Some access waited inside the window. */
  readonly blocksReads: boolean;
  readonly blocksWrites: boolean;
  /** Some interleaving gave the eviction up. */
  readonly aborts: boolean;
  /** Some interleaving ends with the page evicted. */
  readonly evicts: boolean;
  /** A state from which nobody can move and not everybody is done. */
  readonly deadlock: readonly Move[] | undefined;
  readonly shortestLoss: readonly Move[] | undefined;
}

interface State {
  readonly page: PageModel;
  readonly pc: number;
  readonly threads: readonly ('ready' | 'done' | Wait)[];
  readonly parent: State | undefined;
  readonly move: Move | undefined;
}

type Result = { -readonly [K in keyof Exploration]: Exploration[K] };

export function explore(scenario: Scenario): Exploration {
  const start: State = {
    page: new PageModel(scenario.page),
    pc: 0,
    threads: scenario.accesses.map(() => 'ready'),
    parent: undefined,
    move: undefined,
  };
  const seen = new Set([keyOf(start)]);
  const found: Result = {
    states: 1,
    ends: 0,
    lostWrites: false,
    staleReads: false,
    blocksReads: false,
    blocksWrites: false,
    aborts: false,
    evicts: false,
    deadlock: undefined,
    shortestLoss: undefined,
  };
  for (let layer = [start]; layer.length > 0;) {
    const next: State[] = [];
    for (const state of layer) {
      const successors = successorsOf(scenario, state);
      note(scenario, state, successors.length, found);
      for (const successor of successors) {
        const key = keyOf(successor);
        if (seen.has(key)) continue;
        seen.add(key);
        next.push(successor);
      }
    }
    found.states += next.length;
    layer = next;
  }
  return found;
}

function keyOf({ page, pc, threads }: State): string {
  return `${pc} ${threads.join()} ${page.key()}`;
}

function note(scenario: Scenario, state: State, nSuccessors: number, found: Result): void {
  const { page, threads, move } = state;
  if (page.lostWrites > 0) {
    found.lostWrites = true;
    found.shortestLoss ??= scheduleOf(state);
  }
  if (page.staleReads > 0) found.staleReads = true;
  if (page.phase === 'aborted') found.aborts = true;
  if (page.phase === 'evicted') found.evicts = true;
  if (move !== undefined && move.actor >= 0 && threads[move.actor] !== 'done' && page.phase === 'evicting') {
    if (scenario.accesses[move.actor]!.includes('read')) found.blocksReads = true;
    else found.blocksWrites = true;
  }
  if (nSuccessors > 0) return;
  if (threads.every((thread) => thread === 'done') && state.pc === scenario.steps.length) found.ends++;
  else found.deadlock ??= scheduleOf(state);
}

function scheduleOf(state: State): Move[] {
  const moves: Move[] = [];
  for (let at: State | undefined = state; at?.move !== undefined; at = at.parent) moves.unshift(at.move);
  return moves;
}

function successorsOf(scenario: Scenario, state: State): State[] {
  const next: State[] = [];
  if (state.pc < scenario.steps.length) next.push(swapperStep(scenario, state));
  state.threads.forEach((thread, i) => {
    if (thread === 'ready') next.push(accessStep(scenario, state, i));
  });
  const handled = handlerStep(scenario, state);
  if (handled !== undefined) next.push(handled);
  return next;
}

function swapperStep({ steps }: Scenario, state: State): State {
  const page = state.page.clone();
  const step = steps[state.pc]!;
  const result = page.step(step);
  const pc = state.pc + 1;
  if (pc === steps.length) page.finish();
  const wakes =
    step === 'wake' || step === 'set-async' ? isMessage : step === 'writeback' ? (thread: string) => thread === 'lock' : undefined;
  const threads = wakes === undefined ? state.threads : state.threads.map((thread) => (wakes(thread) ? 'ready' : thread));
  return { page, pc, threads, parent: state, move: { actor: SWAPPER, text: result === 'ok' ? step : `${step}: ${result}` } };
}

function accessStep({ accesses }: Scenario, state: State, i: number): State {
  const page = state.page.clone();
  const result = page.access(accesses[i]!);
  const text = result === 'done' ? accesses[i]! : `waits (${result})`;
  return { page, pc: state.pc, threads: state.threads.with(i, result), parent: state, move: { actor: i, text } };
}

/** What the handler can do now about the messages that wait; undefined = nothing. */
function handlerStep({ handler, steps }: Scenario, state: State): State | undefined {
  const waiting = state.threads.filter(isMessage);
  if (waiting.length === 0) return undefined;
  const page = state.page.clone();
  const text = answer(page, handler, waiting, steps[state.pc] === 'flush');
  if (text === undefined) return undefined;
  const threads = state.threads.map((thread) => (isMessage(thread) ? 'ready' : thread));
  return { page, pc: state.pc, threads, parent: state, move: { actor: HANDLER, text } };
}

function answer(page: PageModel, handler: Handler, waiting: readonly string[], midCall: boolean): string | undefined {
  if (page.phase === 'evicting') {
    if (handler === 'rescue' && page.rescue()) return 'rescue';
    if (handler !== 'unserialised' || !waiting.some((wait) => wait === 'wp' || wait === 'rwp')) return undefined;
    page.unprotect();
    return 'unprotect';
  }
  // The swapper holds the page until the call that dropped it has returned.
  if (midCall || !page.canRefill) return undefined;
  page.refill();
  page.unprotect();
  return 'resolve';
}

function isMessage(thread: string): boolean {
  return thread === 'wp' || thread === 'rwp' || thread === 'missing' || thread === 'minor';
}
