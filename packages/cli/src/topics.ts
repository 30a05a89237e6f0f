/** Short texts behind `workset help TOPIC`. */
export interface Topic {
  readonly id: string;
  readonly title: string;
  readonly text: string;
}

export const TOPICS: readonly Topic[] = [
  {
    id: 'sweeps',
    title: 'schemes and parameter sweeps on the command line',
    text: `--scheme NAME                        a tracking scheme at the kernel's defaults (workset list schemes)
--scheme NAME,NAME                   several; parameters behind a colon are the last one's
--scheme NAME:k=v,k2=v2              with parameters (workset list schemes NAME)
--scheme NAME:k=v1,v2,k2=v3          a comma without = is another value of the same parameter: 2 runs
--scheme NAME:k=100ms:10s:x2         geometric: 100ms 200ms 400ms … up to 10s
--scheme NAME:k=100ms:500ms:+100ms   arithmetic: 100ms 200ms … 500ms
--scheme all                         every scheme at its defaults (what happens without --scheme)
Several parameters with several values give every combination.`,
  },
  {
    id: 'units',
    title: 'sizes, times, addresses',
    text: `Sizes are base 1024: 4K 2MiB 1.5G max, 10% (of the footprint), 512p (pages).
Times: ns us ms s m h, also 1m30s. A bare number is refused, except 0.
Address ranges: 0xSTART-0xEND (end exclusive) or 0xSTART+SIZE.`,
  },
  {
    id: 'exit-codes',
    title: 'exit codes',
    text: `0    done (also when the reader of a pipe went away)
1    bad data or a failed run
2    wrong use: unknown command, option, name or value
3    an input is missing, unreadable or not recognised
4    a threshold was missed (score --fail-under, compare)
130  interrupted: what was unfinished has been removed`,
  },
  {
    id: 'truth',
    title: 'truth grades and scopes',
    text: `Every score carries the grade of what it was compared with:
exact      every access (or every page of every quantum) was logged: precision, recall and errors mean what they say
sampled    one access in N was logged: a lower bound; recall against the sample only
faults     only faulting accesses: first touches
observed   another tracker's own report: agreement between trackers, never called accuracy
Scopes: any = every touch of the frame by anyone; mapped = touches through a user page-table entry, the only ones an
access bit or a protection on that entry can see. Target: touched (reads and writes) or written.`,
  },
  {
    id: 'files',
    title: 'what is written where',
    text: `A trace is a directory (trace.json and Arrow files); results are a directory of Parquet tables that any tool can read.
A file or directory is whole or absent: it is written as NAME.part and renamed when done.
Running the same replay again skips finished runs and does the rest.`,
  },
];
