/** Branded numbers for the borders between packages: an index, a count and a size never mix. */
declare const unit: unique symbol;
export type Unit<Name extends string> = number & { readonly [unit]?: Name };

/** Integer nanoseconds on the trace clock, relative to the trace epoch; doubles hold them exactly up to 104 days. */
export type Nanos = Unit<'ns'>;
/** A page number: address >> 12. Exact as a double up to 2^53, so any 64-bit address fits. */
export type Page = Unit<'page'>;
/** A dense page id inside one address space of one trace (0 .. nPages-1, ascending with the page number). */
export type PageId = Unit<'page id'>;
/** A number of 4 KiB pages. */
export type Pages = Unit<'pages'>;

export const PAGE_SHIFT = 12;
export const PAGE_BYTES = 4096;
/** Pages per huge page (2 MiB), and per block of the dense page index. */
export const BLOCK_PAGES = 512;
export const BLOCK_SHIFT = 9;
/** Pages per chunk of a stored page set: 65536 pages = 256 MiB of address space = 8 KiB of bits. */
export const CHUNK_PAGES = 65536;
export const CHUNK_BYTES = CHUNK_PAGES / 8;

export const NS_PER_US = 1e3;
export const NS_PER_MS = 1e6;
export const NS_PER_S = 1e9;
