/** A thread that does what a pass can share out: chunks of vector loops, pieces of touches, and pages to compress when there is nothing else. */
import { Arena } from '../memory/arena.ts';
import { AT, Control, Spinner, type TeamSeat } from './control.ts';
import { Hand } from './hand.ts';
import { PageWork } from './page-queue.ts';
import { PieceWork } from './piece-queue.ts';

/** Longest wait awake, longest sleep, ms. */
const SPIN_MS = 1;
const NAP_MS = 20;

/** Helps until it is dismissed. The leader hears of what it throws. */
export function help(seat: TeamSeat): void {
  const control = new Control(seat.control);
  try {
    helpWith(control, seat);
  } catch (error) {
    Atomics.store(control.ints, AT.failed, 1);
    throw error;
  }
}

function helpWith(control: Control, { arena: shared, nPages }: TeamSeat): void {
  const { ints } = control;
  const arena = Arena.join(shared, nPages);
  const hand = new Hand(control, arena.loops);
  const pieces = new PieceWork(control, arena, arena.loops, () => void hand.work());
  const pages = new PageWork(control, arena);
  const spinner = new Spinner(SPIN_MS);
  while (Atomics.load(ints, AT.dismissed) === 0) {
    // The leader waits for what it posted as chunks, and soon for pieces.
    if (hand.work() > 0 || pieces.work() || pages.work()) continue;
    const ticket = Atomics.load(ints, AT.ticket);
    const isIdle = (): boolean =>
      Atomics.load(ints, AT.ticket) === ticket && !pieces.isWaiting && !pages.isWaiting && Atomics.load(ints, AT.dismissed) === 0;
    if (spinner.until(() => !isIdle())) continue;
    Atomics.add(ints, AT.sleepers, 1);
    if (isIdle()) Atomics.wait(ints, AT.ticket, ticket, NAP_MS);
    Atomics.sub(ints, AT.sleepers, 1);
  }
}
