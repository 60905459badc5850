/**
 * The part of the Standard Schema v1 interface that is used here (standardschema.dev): zod, valibot, arktype and others
 * implement it, so a validator of any of them can be passed as it is.
 */
export interface StandardSchema<T> {
  readonly "~standard": {
    readonly version: 1
    readonly vendor: string
    validate(value: unknown): SchemaResult<T> | Promise<SchemaResult<T>>
    readonly types?: { readonly input: unknown; readonly output: T } | undefined
  }
}

/** What a validator answers: the value, perhaps changed, or what is wrong with it. */
export type SchemaResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}
