/**
 * What each sample file is read as, or why it is refused. `PATH as FORMAT` is the same file with its format named, as dumps
 * without a header need. The counts are checked by other means in samples.test.ts where the file allows it.
 */
export interface Expected {
  readonly format?: string;
  /** Records kept. */
  readonly kept?: number;
  readonly reports?: number;
  readonly incomplete?: number;
  readonly lost?: number;
  readonly sizes?: number;
  readonly mapped?: number;
  /** Every diagnostic code with its count. */
  readonly said?: Readonly<Record<string, number>>;
  /** Named format and options. */
  readonly as?: string;
  readonly options?: Readonly<Record<string, string>>;
  /** Message and hint of the refusal. */
  readonly refusal?: readonly [message: RegExp, hint: RegExp];
}

export const read = (format: string, kept: number, more: Omit<Expected, 'format' | 'kept' | 'refusal'> = {}): Expected => ({
  format,
  kept,
  ...more,
});
export const refused = (message: RegExp, hint: RegExp, more: Pick<Expected, 'as' | 'options'> = {}): Expected => ({
  refusal: [message, hint],
  ...more,
});
