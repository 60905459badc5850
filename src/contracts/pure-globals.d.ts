/** What of the platform pure folders name. For tsconfig.pure.json, which knows neither Node nor the DOM. */
interface AbortSignal {
  readonly aborted: boolean
}

declare module "node:zlib" {
  /** A pure function, and native: snapshot/store/crc32.ts. */
  export function crc32(bytes: Uint8Array, before?: number): number
}
