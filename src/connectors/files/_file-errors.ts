import { EngineError } from "../../errors/index.ts"

/** The system's error code of anything thrown: `ENOENT`, `Z_DATA_ERROR` ... */
export function errnoOf(thrown: unknown): string | undefined {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown)) return undefined
  return typeof thrown.code === "string" ? thrown.code : undefined
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** What went wrong while a file was opened or read, as a coded error. Errors that have a code of ours pass unchanged. */
export function readError(path: string, thrown: unknown, position = ""): EngineError {
  if (thrown instanceof EngineError) return thrown
  const errno = errnoOf(thrown)
  const details = { path, ...(errno === undefined ? {} : { errno }) }
  if (errno?.startsWith("Z_") || errno === "ERR_TRAILING_JUNK_AFTER_STREAM_END") {
    return new EngineError(
      "SOURCE_FILE_DAMAGED",
      `Cannot decompress ${path}${position}: ${messageOf(thrown)}; fetch or compress the file again, or drop .gz from its name if it is not compressed`,
      { cause: thrown, details },
    )
  }
  if (errno === "ENOENT" || errno === "ENOTDIR") {
    return new EngineError("SOURCE_FILE_MISSING", `Cannot read ${path}: there is no such file; check the path`, {
      cause: thrown,
      details,
    })
  }
  const remedy =
    errno === "EACCES" || errno === "EPERM"
      ? "give this user read permission on the file and on its directories"
      : errno === "EMFILE" || errno === "ENFILE"
        ? "raise the limit of open files (ulimit -n)"
        : "check the file and its disk"
  return new EngineError("SOURCE_FILE_UNREADABLE", `Cannot read ${path}${position}: ${messageOf(thrown)}; ${remedy}`, {
    cause: thrown,
    retriable: errno === "EMFILE" || errno === "ENFILE" || errno === "EIO",
    details,
  })
}

/** What went wrong while output was written, as a coded error. Errors that have a code of ours pass unchanged. */
export function writeError(path: string, thrown: unknown): EngineError {
  if (thrown instanceof EngineError) return thrown
  const errno = errnoOf(thrown)
  const details = { path, ...(errno === undefined ? {} : { errno }) }
  if (errno === "EACCES" || errno === "EPERM" || errno === "EROFS") {
    return new EngineError(
      "SINK_UNWRITABLE",
      `Cannot write ${path}: ${messageOf(thrown)}; give this user write permission on the directory or write to another one`,
      { cause: thrown, details },
    )
  }
  return new EngineError("SINK_WRITE_FAILED", `Cannot write ${path}: ${messageOf(thrown)}; ${writeRemedy(errno)}`, {
    cause: thrown,
    retriable: errno === "ENOSPC" || errno === "EDQUOT" || errno === "EMFILE" || errno === "ENFILE" || errno === "EIO",
    details,
  })
}

function writeRemedy(errno: string | undefined): string {
  switch (errno) {
    case "ENOSPC":
      return "the disk is full: free space or write to another one"
    case "EDQUOT":
      return "the disk quota is used up: free space or raise it"
    case "EMFILE":
    case "ENFILE":
      return "raise the limit of open files (ulimit -n) or lower the parallelism of this sink"
    case "ENOENT":
      return "the directory was removed while the job ran: let nothing else delete it"
    default:
      return "check the disk the path is on"
  }
}
