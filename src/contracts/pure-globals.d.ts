/** The one global of the platform that contracts name. For tsconfig.pure.json, which knows neither Node nor the DOM. */
interface AbortSignal {
  readonly aborted: boolean
}
