/** Whole captures, logs of programs, and what is none of these. */
import { read, refused, type Expected } from './expected.ts';

/** Of the shared samples. */
export const SHARED: Readonly<Record<string, Expected>> = {
  'README.md': refused(/this is text of a kind that is not recognised, s/, /name the format with --format ID \(one of/),
  'valgrind/lackey.full.txt.gz': read('lackey', 171891, { said: { 'no-times': 1 } }),
  'valgrind/lackey.head.txt': read('lackey', 403, { said: { 'no-times': 1 } }),
  'workload/toucher.c': refused(/this is text of a kind that is not recognised, s/, /name the format with --format ID \(one of/),
};

/** Of traces/. */
export const FIXTURES: Readonly<Record<string, Expected>> = {
  'CAPTURES.md': refused(/this is text of a kind that is not recognised, s/, /name the format with --format ID \(one of/),
  'access-logs/lackey.head.txt': read('lackey', 403, { said: { 'no-times': 1 } }),
  'redis-pti/A.ftrace.txt.gz': read('perf-script', 2899, { reports: 26, said: { 'guessed-ops': 1, 'assumed-aggregation': 1 } }),
  'redis-pti/B.idle.bin.gz': read('idle-bitmap', 10, { reports: 10, said: { 'lru-beyond-idle': 10 } }),
  'redis-pti/B.perf.txt.gz': read('perf-script', 2321, { said: { 'access-type-unknown': 2321 } }),
  'redis-pti/C.ftrace.txt.gz': read('damon-trace', 722, { reports: 19, said: { 'guessed-ops': 1, 'assumed-aggregation': 1 } }),
  'redis-pti/gt.vmgt.gz': read('vmgt', 3597593),
  'redis-pti/gt.vmgt.uffdwp.gz': read('uffdwp-scan', 84, { reports: 83 }),
  'redis-pti/plugin.txt': refused(/this is text of a kind that is not recognised, s/, /name the format with --format ID \(one of/),
  'redis-pti/qemu-cmd.txt': refused(/this is text of a kind that is not recognised, s/, /name the format with --format ID \(one of/),
  'redis-pti/score.txt': refused(/this is text of a kind that is not recognised, s/, /name the format with --format ID \(one of/),
  'rwp-shmem/A.pagemap.bin.end.gz': read('arena-pagemap', 6144, { mapped: 6144 }),
  'rwp-shmem/A.pagemap.bin.gz': read('arena-pagemap', 6144, { mapped: 6144 }),
  'rwp-shmem/A.phases.log': read('phases-log', 8, { said: { 'other-line': 1 } }),
  'rwp-shmem/A.rwp.bin.gz': read('uffd-snap', 30, { reports: 30 }),
  'rwp-shmem/B.pagemap.bin.end.gz': read('arena-pagemap', 6144, { mapped: 6144 }),
  'rwp-shmem/B.pagemap.bin.gz': read('arena-pagemap', 6144, { mapped: 6144 }),
  'rwp-shmem/B.phases.log': read('phases-log', 8, { said: { 'other-line': 1 } }),
  'rwp-shmem/B.wp.bin.gz': read('uffd-snap', 31, { reports: 31 }),
  'rwp-shmem/C.idle.bin.gz': read('idle-bitmap', 12, { reports: 12, said: { 'lru-beyond-idle': 12 } }),
  'rwp-shmem/C.pagemap.bin.gz': read('arena-pagemap', 6144, { mapped: 6144 }),
  'rwp-shmem/C.phases.log': read('phases-log', 8),
  'rwp-shmem/D.ftrace.txt.gz': read('damon-trace', 393, { reports: 30, said: { 'guessed-ops': 1, 'assumed-aggregation': 1 } }),
  'rwp-shmem/D.phases.log': read('phases-log', 8),
  'rwp-shmem/E.pagemap.bin.end.gz': read('arena-pagemap', 6144, { mapped: 6144 }),
  'rwp-shmem/E.pagemap.bin.gz': read('arena-pagemap', 6144, { mapped: 6144 }),
  'rwp-shmem/E.phases.log': read('phases-log', 8, { said: { 'other-line': 1 } }),
  'rwp-shmem/E.rwp.bin.gz': read('uffd-snap', 28, { reports: 28, said: { 'sync-messages': 14 } }),
  'rwp-shmem/README-rwp.md': refused(/this is text of a kind that is not recognised, s/, /name the format with --format ID \(one of/),
  'rwp-shmem/gt.vmgt.gz': read('vmgt', 5293690),
  'rwp-shmem/gt.vmgt.uffdwp.gz': read('uffdwp-scan', 158, { reports: 157 }),
  'rwp-shmem/plugin.txt': refused(/this is text of a kind that is not recognised, s/, /name the format with --format ID \(one of/),
  'rwp-shmem/qemu-cmd.txt': refused(/this is text of a kind that is not recognised, s/, /name the format with --format ID \(one of/),
  'rwp-shmem/score.txt': refused(/this is text of a kind that is not recognised, s/, /name the format with --format ID \(one of/),
};
