/** Which column of a delimited text means what. */
import { SPACES, UsageError, type SpaceId } from '@workset/model';

export interface CsvColumns {
  /** Indices from 0; -1 = absent. */
  readonly time: number;
  readonly id: number;
  readonly size: number;
  readonly op: number;
  readonly pid: number;
  readonly cpu: number;
  /** Who made the access, as in ACTORS of @workset/model. */
  readonly actor: number;
  /** Highest index that must exist. */
  readonly last: number;
  readonly delimiter: number;
  readonly hasHeader: boolean;
  readonly nsPerUnit: number;
  /** True when nobody said the unit of the time. */
  readonly assumedUnit: boolean;
  /** False: object ids. */
  readonly isAddress: boolean;
  /** As the name of the column says; else gva for addresses. */
  readonly space: SpaceId;
  readonly hex: boolean;
  readonly pageShift: number;
  readonly opIsFlag: boolean;
}

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };
const DELIMITERS: Readonly<Record<string, string>> = { tab: '\t', '\\t': '\t', space: ' ', comma: ',', semicolon: ';' };

const TIME = /^(?:(?:t|time|timestamp|ts|mono|clock|when)(?:[_ .-]?(ns|us|ms|s|sec|seconds))?)$/i;
const ADDRESS = /^(?:address|addr|vaddr|paddr|va|pa|virt_addr|phys_addr|gpa|gva|hva)$/i;
const OBJECT = /^(?:page|pfn|vpn|gfn|obj|obj_?id|object|object_?id|key|block|lba)$/i;
const SIZE = /^(?:size|obj_?size|bytes|len|length)$/i;
const OP = /^(?:op|rw|type|access|kind|operation|cmd)$/i;
const FLAG = /^(?:is_?write|write|store|is_?store)$/i;
const PID = /^(?:pid|tid|ptid|thread|process)$/i;
const CPU = /^(?:cpu|vcpu|core)$/i;
const ACTOR = /^(?:actor|who|by)$/i;

/** Whether a line's cells are names with an address or object among them: 0.7 with a time column, 0.4 without (it may be a page table dump). */
export function headerLikelihood(line: string): number {
  const names = splitNames(line, guessDelimiter(line));
  const isHeader =
    names.length >= 2 &&
    names.some((name) => ADDRESS.test(name) || OBJECT.test(name)) &&
    names.every((name) => /^[a-z][\w .()/-]*$/i.test(name));
  return !isHeader ? 0 : names.some((name) => TIME.test(name)) ? 0.7 : 0.4;
}

/** Whether a file that begins with these bytes has a column of actors. */
export function headNamesActors(head: Uint8Array, options: Readonly<Record<string, string>>): boolean {
  if (options['columns'] !== undefined) return /\bactor-col\s*=/i.test(options['columns']);
  if (options['fields'] !== undefined) return options['fields'].split(',').some((name) => ACTOR.test(name.trim()));
  const header = headerOf(head);
  const delimiter = options['delimiter'] === undefined ? guessDelimiter(header) : delimiterOf(options['delimiter']);
  return splitNames(header, delimiter).some((name) => ACTOR.test(name));
}

/** The first line that is no comment, of the first 4 KiB. */
export function headerOf(head: Uint8Array): string {
  const lines = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, 4096))
    .toString('latin1')
    .replace(/^\u00ef\u00bb\u00bf/, '')
    .split(/\r?\n/);
  return lines.find((line) => line !== '' && !line.startsWith('#')) ?? '';
}

/**
 * Columns as the option `fields` names them (time,addr,rw); the delimiter is that of the file's first line, which may be a header.
 * @throws UsageError when no column is an address or an id
 */
export function columnsFromFields(fields: string, firstLine: string, options: Readonly<Record<string, string>>): CsvColumns {
  const delimiter = options['delimiter'] === undefined ? guessDelimiter(firstLine) : delimiterOf(options['delimiter']);
  const names = fields.split(',').join(delimiter);
  return { ...columnsFromHeader(names, { ...options, delimiter }), hasHeader: headerLikelihood(firstLine) > 0 };
}

/** @throws UsageError when no column is an address or an id */
export function columnsFromHeader(line: string, options: Readonly<Record<string, string>>): CsvColumns {
  const delimiter = options['delimiter'] === undefined ? guessDelimiter(line) : delimiterOf(options['delimiter']);
  const names = splitNames(line, delimiter);
  const find = (pattern: RegExp): number => names.findIndex((name) => pattern.test(name));
  const address = find(ADDRESS);
  const id = address >= 0 ? address : find(OBJECT);
  if (id < 0) {
    throw new UsageError(
      `no column of "${line.slice(0, 100)}" is an address or an id`,
      'name them: --fields time,addr,rw (in their order), or columns="time-col=1, obj-id-col=2, delimiter=,, has-header=true"',
    );
  }
  const time = find(TIME);
  const unit = time < 0 ? undefined : TIME.exec(names[time]!)?.[1]?.slice(0, 2).toLowerCase().replace(/^se$/, 's');
  const flag = find(FLAG);
  return complete(
    {
      time,
      id,
      size: find(SIZE),
      op: flag >= 0 ? flag : find(OP),
      opIsFlag: flag >= 0,
      pid: find(PID),
      cpu: find(CPU),
      actor: find(ACTOR),
    },
    address >= 0,
    delimiter,
    true,
    unit,
    options,
    names[id],
  );
}

/** `columns="time-col=2, obj-id-col=5, obj-size-col=4, delimiter=,, has-header=true"` as libCacheSim's -t, columns from 1; undefined without it. */
export function columnsFromOptions(options: Readonly<Record<string, string>>): CsvColumns | undefined {
  const text = options['columns'];
  if (text === undefined) return undefined;
  const given: Record<string, string> = {};
  // key=value, the delimiter may be a comma itself:  delimiter=,, has-header=true
  for (const [, key, value] of text.matchAll(/([a-z-]+)\s*=\s*(,|[^,]*)(?:,|$)/gi)) given[key!.toLowerCase()] = value!.trim() || ' ';
  const column = (...keys: readonly string[]): number => {
    const key = keys.find((name) => given[name] !== undefined);
    if (key === undefined) return -1;
    const index = Number(given[key]);
    if (!Number.isInteger(index) || index < 1) throw new UsageError(`${key}=${given[key]} is not a column number from 1`);
    return index - 1;
  };
  const address = column('addr-col', 'address-col');
  const id = address >= 0 ? address : column('obj-id-col', 'page-col');
  if (id < 0) throw new UsageError(`columns="${text}" names no address`, 'it needs addr-col=N or obj-id-col=N');
  const roles = {
    time: column('time-col'),
    id,
    size: column('obj-size-col', 'size-col'),
    op: column('op-col'),
    opIsFlag: false,
    pid: column('pid-col', 'tid-col'),
    cpu: column('cpu-col'),
    actor: column('actor-col'),
  };
  const delimiter = delimiterOf(given['delimiter'] ?? options['delimiter'] ?? ',');
  return complete(roles, address >= 0, delimiter, /^(true|1|yes)$/i.test(given['has-header'] ?? 'false'), given['time-unit'], options);
}

interface Roles {
  readonly time: number;
  readonly id: number;
  readonly size: number;
  readonly op: number;
  readonly opIsFlag: boolean;
  readonly pid: number;
  readonly cpu: number;
  readonly actor: number;
}

function complete(
  roles: Roles,
  isAddress: boolean,
  delimiter: string,
  hasHeader: boolean,
  unit: string | undefined,
  options: Readonly<Record<string, string>>,
  name = '',
): CsvColumns {
  const said = unit ?? options['time-unit'];
  const nsPerUnit = UNITS[said ?? 's'];
  if (nsPerUnit === undefined) throw new UsageError(`unknown time unit ${said ?? ''}`, 'ns, us, ms or s');
  const shift = options['page-shift'] === undefined ? (isAddress ? 12 : 0) : Number(options['page-shift']);
  if (!Number.isInteger(shift) || shift < 0 || shift > 40)
    throw new UsageError(`page-shift=${options['page-shift'] ?? ''} is not a whole number from 0 to 40`);
  return {
    ...roles,
    last: Math.max(roles.time, roles.id, roles.size, roles.op, roles.pid, roles.cpu, roles.actor),
    delimiter: delimiter.charCodeAt(0),
    hasHeader,
    nsPerUnit,
    assumedUnit: said === undefined,
    isAddress,
    space: SPACES.find((space) => space === name.toLowerCase()) ?? (isAddress ? 'gva' : 'object'),
    hex: options['base'] === '16',
    pageShift: shift,
  };
}

function delimiterOf(text: string): string {
  const char = DELIMITERS[text] ?? text;
  if (char.length !== 1) throw new UsageError(`delimiter=${text} is not one character`, 'one character, or tab, space, comma, semicolon');
  return char;
}

function guessDelimiter(line: string): string {
  const counts = [',', '\t', ';', '|'].map((char) => [char, line.split(char).length] as const);
  return counts.sort((a, b) => b[1] - a[1])[0]![0];
}

function splitNames(line: string, delimiter: string): string[] {
  return line.split(delimiter).map((name) => name.trim().replace(/^"(.*)"$/, '$1'));
}
