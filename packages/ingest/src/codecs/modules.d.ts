/** Shape of unbzip2-stream 1.4, which ships no types. */
declare module 'unbzip2-stream' {
  export default function unbzip2Stream(): NodeJS.ReadWriteStream;
}
