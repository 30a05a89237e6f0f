/** Made-up captures in the formats whose reading speed is measured: same bytes every time, shaped like what the tools print. */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import { Prng } from '@workset/model';

/** Writes a capture of about `bytes` and returns how many records (lines, samples, regions) it has. */
export type MakeCapture = (path: string, bytes: number) => number;

const TASKS = ['toucher', 'CPU 0/KVM', 'Web Content', 'kworker/u8:3-ev', 'redis-server', 'java', 'CPU 1/KVM', 'memtier'] as const;

/** Lines from `next` until the file has its size. */
function textFile(path: string, bytes: number, next: (prng: Prng) => string): number {
  const prng = new Prng(1);
  const fd = openSync(path, 'w');
  let lines = 0;
  for (let written = 0; written < bytes;) {
    let block = '';
    while (block.length < 1 << 20 && written + block.length < bytes) {
      block += next(prng);
      lines++;
    }
    written += writeSync(fd, block, null, 'latin1');
  }
  closeSync(fd);
  return lines;
}

/** Bursts of one thread after the other, and a clock of microseconds. */
class Threads {
  #left = 0;
  #us = 751_584_279;
  task = 0;

  step(prng: Prng): void {
    if (this.#left-- <= 0) {
      this.task = prng.below(TASKS.length);
      this.#left = prng.below(16);
    }
    this.#us += 1 + prng.below(5);
  }
  get time(): string {
    return `${Math.floor(this.#us / 1e6)}.${String(this.#us % 1e6).padStart(6, '0')}`.padStart(12);
  }
  get head(): string {
    const tid = String(3300 + 7 * this.task);
    return `${TASKS[this.task]!.padStart(16)} ${tid.padStart(5)}/${tid.padEnd(5)} [${String(this.task % 4).padStart(3, '0')}] ${this.time}:`;
  }
}

const address = (prng: Prng): string => (0x7f10_0000_0000 + prng.below(2 ** 30)).toString(16);

/** `perf script -F comm,pid,tid,cpu,time,event,addr` */
export const perfPlain: MakeCapture = (path, bytes) => {
  const threads = new Threads();
  return textFile(path, bytes, (prng) => {
    threads.step(prng);
    return `${threads.head} page-faults: ${address(prng).padStart(16)}\n`;
  });
};

/** `perf script -F comm,pid,tid,cpu,time,period,event,addr,ip,sym,symoff,dso` */
export const perfSymbols: MakeCapture = (path, bytes) => {
  const threads = new Threads();
  const symbols = ['memset_avx2_erms', 'operator new(unsigned long)', 'main', '[unknown]'];
  return textFile(path, bytes, (prng) => {
    threads.step(prng);
    const ip = (0x55d0_c000_0000 + prng.below(2 ** 20)).toString(16).padStart(16);
    const symbol = `${symbols[prng.below(4)]!}+0x${prng.below(4096).toString(16)} (/usr/lib/x86_64-linux-gnu/libc.so.6)`;
    return `${threads.head} ${'1'.padStart(10)} page-faults: ${address(prng).padStart(16)} ${ip} ${symbol}\n`;
  });
};

/** `perf script` of exceptions:page_fault_user. */
export const perfExceptions: MakeCapture = (path, bytes) => {
  const threads = new Threads();
  return textFile(path, bytes, (prng) => {
    threads.step(prng);
    return `${threads.head} exceptions:page_fault_user: address=0x${address(prng)} ip=0x7f29da35ab70 error_code=0x${4 + 2 * prng.below(2)}\n`;
  });
};

const REGIONS = 1000;

/** Bounds and counts of DAMON regions, a thousand a snapshot. */
class Regions {
  #i = 0;
  start = 0;
  end = 0x1_0000_0000;

  /** @returns true when this region opens a snapshot */
  step(prng: Prng): boolean {
    const opens = this.#i++ % REGIONS === 0;
    this.start = opens ? 0x1_0000_0000 : this.end;
    this.end = this.start + 4096 * (1 + prng.below(2000));
    return opens;
  }
}

/** damon_aggregated as tracefs prints it. */
export const damonText: MakeCapture = (path, bytes) => {
  const regions = new Regions();
  let us = 970_426_992;
  return textFile(path, bytes, (prng) => {
    us += regions.step(prng) ? 100_000 : 1;
    const time = `${Math.floor(us / 1e6)}.${String(us % 1e6).padStart(6, '0')}`;
    return `       kdamond.0-1297    [001] .....  ${time}: damon_aggregated: target_id=0 nr_regions=${REGIONS} ${regions.start}-${regions.end}: ${prng.below(20)} ${prng.below(300)}\n`;
  });
};

/** Valgrind Lackey with --trace-mem=yes: six instructions in ten lines. */
export const lackey: MakeCapture = (path, bytes) => {
  let ip = 0x400_1234;
  return textFile(path, bytes, (prng) => {
    const kind = prng.below(100);
    if (kind < 60) {
      ip = prng.below(5) === 0 ? 0x400_0000 + prng.below(2 ** 20) : ip + 3;
      return `I  ${ip.toString(16).padStart(8, '0')},${1 + prng.below(7)}\n`;
    }
    const at = prng.below(2) === 0 ? 0x1f_ff00_0000 + prng.below(65536) : 0x520_0000 + prng.below(2 ** 26);
    return ` ${kind < 85 ? 'L' : kind < 97 ? 'S' : 'M'} ${at.toString(16).padStart(8, '0')},${[1, 4, 8][prng.below(3)]!}\n`;
  });
};

const ATTR_BYTES = 128;
const SAMPLE_BYTES = 56;

/** `perf record -e page-faults -c 1 -d -a`: one event, samples of IP, TID, TIME, ADDR, CPU and PERIOD. */
export const perfData: MakeCapture = (path, bytes) => {
  const prng = new Prng(1);
  const n = Math.max(1, Math.floor(bytes / SAMPLE_BYTES));
  const attrs = 104;
  const data = attrs + ATTR_BYTES + 16;
  const file = Buffer.alloc(data + n * SAMPLE_BYTES);
  file.write('PERFILE2', 0);
  for (const [at, value] of [
    [8, 104],
    [16, ATTR_BYTES + 16],
    [24, attrs],
    [32, ATTR_BYTES + 16],
    [40, data],
    [48, n * SAMPLE_BYTES],
    // attr: config page-faults, period 1, sample_type, sample_id_all
    [attrs + 8, 2],
    [attrs + 16, 1],
    [attrs + 24, 1 | 2 | 4 | 8 | 128 | 256],
    [attrs + 40, 1 << 18],
  ] as const)
    file.writeBigUInt64LE(BigInt(value), at);
  file.writeUInt32LE(1, attrs);
  file.writeUInt32LE(ATTR_BYTES, attrs + 4);
  const words = new Uint32Array(file.buffer, file.byteOffset, file.length >> 2);
  let ns = 1e9;
  for (let i = 0, w = data >> 2; i < n; i++, w += SAMPLE_BYTES >> 2) {
    ns += 1 + prng.below(2000);
    // header, ip, pid and tid, time, address, cpu, period
    words.set([9, (SAMPLE_BYTES << 16) | 2, 0xc0ff_ee00, 0x55d0, 3332, 3332, ns % 2 ** 32, Math.floor(ns / 2 ** 32)], w);
    words.set([prng.below(2 ** 30), 0x7f12, i & 3, 0, 1, 0], w + 8);
  }
  writeFileSync(path, file);
  return n;
};

/** `damo record` with --output_type json: indented by four, numbers as text with commas. */
export const damoJson: MakeCapture = (path, bytes) => {
  const regions = new Regions();
  const commas = (n: number): string => n.toLocaleString('en-US');
  let ns = 916_685_670_000;
  const pad = ' '.repeat(20);
  const tail = `\n                ],\n                "total_bytes": "240250880",\n                "damos_stats": null\n            }`;
  let separator = DAMO_HEAD;
  const n = textFile(path, bytes, (prng) => {
    let text = ',\n';
    if (regions.step(prng)) {
      text = `${separator}            {\n                "start_time": "${ns}",\n                "end_time": "${(ns += 100_000_000)}",\n                "regions": [\n`;
      separator = `${tail},\n`;
    }
    return (
      `${text}${pad}{\n${pad}    "start": "${commas(regions.start)}",\n${pad}    "end": "${commas(regions.end)}",\n` +
      `${pad}    "nr_accesses": {\n${pad}        "samples": ${prng.below(20)},\n${pad}        "percent": null\n${pad}    },\n` +
      `${pad}    "age": {\n${pad}        "usec": null,\n${pad}        "aggr_intervals": "${prng.below(300)}"\n${pad}    },\n` +
      `${pad}    "probe_hits": [],\n${pad}    "sz_filter_passed": "0 B"\n${pad}}`
    );
  });
  writeFileSync(path, `${tail}\n        ]\n    }\n]\n`, { flag: 'a' });
  return n;
};

const DAMO_HEAD = `[
    {
        "kdamond_idx": 0,
        "context_idx": 0,
        "intervals": {
            "sample_us": "5000",
            "aggr_us": "100000",
            "ops_update_us": "1000000"
        },
        "scheme_idx": null,
        "target_id": 0,
        "scheme_filters": [],
        "snapshots": [
`;

/** The same through zlib, as json_compressed is; `bytes` is what comes out of it. */
export const damoCompressed: MakeCapture = (path, bytes) => {
  const n = damoJson(path, bytes);
  writeFileSync(path, deflateSync(readFileSync(path)));
  return n;
};

const VMGT_FRAMES = 32_768;
/** Frames that are neighbours in virtual memory, too. */
const VMGT_RUN = 64;

/**
 * An exact log like those of the captures: three bytes a record, nine of ten through a user mapping of one page, quanta of a thousand
 * records in runs of neighbouring frames.
 */
export const vmgt: MakeCapture = (path, bytes) => {
  const prng = new Prng(1);
  const virtual = Float64Array.from({ length: VMGT_FRAMES / VMGT_RUN }, () => 0x7_f000_0000 + VMGT_RUN * prng.below(2 ** 16));
  const fd = openSync(path, 'w');
  let at = 0;
  const block = Buffer.alloc(1 << 16);
  const varint = (value: number): void => {
    for (; value > 127; value = Math.floor(value / 128)) block[at++] = (value % 128) | 128;
    block[at++] = value;
  };
  at += block.write('VMGT1\n');
  for (const value of [12, 0, 1_000_000, 1]) varint(value);
  block[at++] = 0;
  let records = 0;
  for (let q = 0, written = 0; written < bytes; q++) {
    const pfns: number[] = [];
    for (let pfn = prng.below(60); pfn < VMGT_FRAMES && pfns.length < 1000; pfn += prng.below(16) === 0 ? 1 + prng.below(250) : 1)
      pfns.push(pfn);
    block[at++] = 0x51;
    varint(q);
    varint(1000);
    varint(pfns.length);
    let lastFrame = 0;
    let lastPage = 0;
    for (const pfn of pfns) {
      varint(pfn - lastFrame);
      lastFrame = pfn;
      const kind = prng.below(20);
      const flags = kind < 14 ? 1 : kind < 18 ? 3 : 8;
      block[at++] = flags;
      if (flags === 8) continue;
      const page = virtual[Math.floor(pfn / VMGT_RUN)]! + (pfn % VMGT_RUN);
      varint(page >= lastPage ? 2 * (page - lastPage) : 2 * (lastPage - page) - 1);
      lastPage = page;
    }
    records += pfns.length;
    written += writeSync(fd, block, 0, at);
    at = 0;
  }
  block[at++] = 0x45;
  for (const value of [0, 0, 0, 0, records]) varint(value);
  writeSync(fd, block, 0, at);
  closeSync(fd);
  return records;
};
