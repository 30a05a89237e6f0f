/** The part of yargs 18 that parse-args.ts uses; the package ships no types. */
declare module 'yargs' {
  interface YargsOption {
    type: 'string' | 'boolean';
    alias?: string;
    array?: boolean;
    requiresArg?: boolean;
  }
  interface Yargs {
    help(on: false): Yargs;
    version(on: false): Yargs;
    exitProcess(on: false): Yargs;
    parserConfiguration(options: Readonly<Record<string, boolean>>): Yargs;
    options(options: Readonly<Record<string, YargsOption>>): Yargs;
    fail(handler: (message: string | null, error: Error | undefined) => never): Yargs;
    parse(): { _: string[]; '--'?: string[] } & Record<string, unknown>;
  }
  export default function yargs(argv: readonly string[]): Yargs;
}
