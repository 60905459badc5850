import { describe, EngineError } from "../../errors/index.ts"

/** The errno of a failed disk call (`ENOSPC`), undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  const code =
    error instanceof Error && !(error instanceof EngineError) ? (error as { code?: unknown }).code : undefined
  return typeof code === "string" ? code : undefined
}

/** The call on `path` failed while a checkpoint was written: nothing was published, the next checkpoint may succeed. */
export function writeFailed(attempted: string, path: string, cause: unknown): EngineError {
  if (cause instanceof EngineError) return cause
  const errno = errnoOf(cause)
  return new EngineError(
    "CHECKPOINT_WRITE_FAILED",
    `Cannot ${attempted} ${path}: ${reasonOf(cause)}; ${remedyFor(errno)}`,
    { cause, retriable: true, details: { path, ...(errno === undefined ? {} : { errno }) } },
  )
}

export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : describe(cause)
}

export function remedyFor(errno: string | undefined): string {
  switch (errno) {
    case "ENOSPC":
    case "EDQUOT":
      return "free disk space or lower checkpoint.retain, the next checkpoint is tried as usual"
    case "EIO":
      return "check the disk and the system log, the file is not trusted and will be written anew"
    case "EROFS":
      return "remount the file system for writing or choose another checkpoint directory"
    case "EACCES":
    case "EPERM":
      return "give this user read and write permission on the checkpoint directory or choose another one"
    case "EMFILE":
    case "ENFILE":
      return "raise the limit of open files (ulimit -n)"
    case "ENOENT":
      return "the checkpoint directory was changed while the job ran, leave it to the job"
    case "EEXIST":
      return "a file of this name is there already, no two processes may write into one checkpoint directory"
    default:
      return "see the cause, and check that the checkpoint directory can be read and written"
  }
}

/**
 * A file that is there and cannot be believed. `byte` says where in the file the reader stopped.
 * Not retriable: reading it again shows the same.
 */
export function damaged(
  code: string,
  file: string,
  byte: number,
  found: string,
  more: Readonly<Record<string, unknown>> = {},
): EngineError {
  return new EngineError(
    code,
    `Cannot read ${file}: at byte ${byte} ${found}; restore the file from a copy, or start from another checkpoint or savepoint`,
    { details: { file, byte, ...more } },
  )
}

/**
 * Codes that say: this checkpoint cannot be used, an older one may. Anything else is the machine's trouble and not the
 * file's.
 */
const DAMAGE: ReadonlySet<string> = new Set([
  "CHECKPOINT_PART_MISSING",
  "CHECKPOINT_PART_CUT",
  "CHECKPOINT_PART_DAMAGED",
  "CHECKPOINT_PART_FOREIGN",
  "CHECKPOINT_MANIFEST_MISSING",
  "CHECKPOINT_MANIFEST_DAMAGED",
])

export function isDamage(error: unknown): error is EngineError {
  return error instanceof EngineError && DAMAGE.has(error.code)
}

/**
 * A read that the operating system refused. EIO and a wrong kind of file are damage; no permission or no handles left
 * is not.
 */
export function readFailed(kind: "PART" | "MANIFEST" | "MARKER" | "FOLDER", file: string, cause: unknown): EngineError {
  if (cause instanceof EngineError) return cause
  const errno = errnoOf(cause)
  if (kind !== "FOLDER" && (errno === "ENOENT" || errno === "ENOTDIR")) {
    return new EngineError(
      `CHECKPOINT_${kind}_MISSING`,
      `Cannot read ${file}: there is no such file; restore it from a copy, or start from another checkpoint or savepoint`,
      { cause, details: { file, byte: 0 } },
    )
  }
  if (kind !== "FOLDER" && (errno === "EIO" || errno === "ELOOP" || errno === "EISDIR")) {
    return new EngineError(
      `CHECKPOINT_${kind}_DAMAGED`,
      `Cannot read ${file}: ${reasonOf(cause)}; check the disk, restore the file from a copy, or start from another checkpoint`,
      { cause, details: { file, byte: 0, errno } },
    )
  }
  return new EngineError("CHECKPOINT_READ_FAILED", `Cannot read ${file}: ${reasonOf(cause)}; ${remedyFor(errno)}`, {
    cause,
    retriable: true,
    details: { file, ...(errno === undefined ? {} : { errno }) },
  })
}
