var __defProp = Object.defineProperty;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __esm = (fn, res, err) => function __init() {
  if (err) throw err[0];
  try {
    return fn && (res = (0, fn[__getOwnPropNames(fn)[0]])(fn = 0)), res;
  } catch (e) {
    throw err = [e], e;
  }
};
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};

// src/errors/engine-error.ts
var EngineError;
var init_engine_error = __esm({
  "src/errors/engine-error.ts"() {
    "use strict";
    EngineError = class extends Error {
      name = "EngineError";
      code;
      retriable;
      details;
      constructor(code, message, options = {}) {
        super(message, options.cause === void 0 ? void 0 : { cause: options.cause });
        this.code = code;
        this.retriable = options.retriable ?? false;
        this.details = options.details ?? {};
      }
    };
  }
});

// src/errors/invariant.ts
function invariant(condition, text) {
  if (condition) return;
  throw new EngineError(
    "INVARIANT_BROKEN",
    `The engine found its own state inconsistent: ${typeof text === "string" ? text : text()}; please report this with the message and the pipeline`
  );
}
var init_invariant = __esm({
  "src/errors/invariant.ts"() {
    "use strict";
    init_engine_error();
  }
});

// src/errors/index.ts
var init_errors = __esm({
  "src/errors/index.ts"() {
    "use strict";
    init_engine_error();
    init_invariant();
  }
});

// src/records/byte-cursor.ts
function damaged(found) {
  return new EngineError(
    "RECORD_NOT_READABLE",
    `Cannot decode records: ${found}; they were written by another version or are damaged`
  );
}
function scratchOf(bytes) {
  const kept = scratch;
  if (kept !== void 0 && kept.end >= bytes) {
    kept.at = 0;
    return kept;
  }
  let length = SCRATCH_BYTES;
  while (length < bytes) length *= 2;
  const grown = new ByteCursor(new ArrayBuffer(length));
  if (length <= MAX_KEPT_SCRATCH_BYTES) scratch = grown;
  return grown;
}
function cursorOver(bytes) {
  if ((bytes.byteOffset & 7) !== 0) return cursorOver(bytes.slice());
  return new ByteCursor(bytes.buffer, bytes.byteOffset, bytes.byteOffset + bytes.length);
}
var Buffer2, ByteCursor, SCRATCH_BYTES, MAX_KEPT_SCRATCH_BYTES, scratch;
var init_byte_cursor = __esm({
  "src/records/byte-cursor.ts"() {
    "use strict";
    init_errors();
    ({ Buffer: Buffer2 } = globalThis);
    ByteCursor = class {
      i8;
      u8;
      i16;
      u16;
      i32;
      u32;
      f64;
      text;
      /** Bytes from the start of the memory. Where a frame begins it is a multiple of 8. */
      at;
      end;
      constructor(buffer, at = 0, end = buffer.byteLength) {
        this.i8 = new Int8Array(buffer);
        this.u8 = new Uint8Array(buffer);
        this.i16 = new Int16Array(buffer, 0, buffer.byteLength >> 1);
        this.u16 = new Uint16Array(buffer, 0, buffer.byteLength >> 1);
        this.i32 = new Int32Array(buffer, 0, buffer.byteLength >> 2);
        this.u32 = new Uint32Array(buffer, 0, buffer.byteLength >> 2);
        this.f64 = new Float64Array(buffer, 0, buffer.byteLength >> 3);
        this.text = Buffer2.from(buffer);
        this.at = at;
        this.end = end;
      }
      /**
       * Passes over `count` numbers of `1 << shift` bytes, behind as many bytes as their alignment needs.
       *
       * @returns the index of the first one in the view of that width
       * @throws {EngineError} RECORD_NOT_READABLE when they would reach beyond the end
       */
      take(count, shift) {
        const index = this.at + (1 << shift) - 1 >> shift;
        const after = (index + count) * (1 << shift);
        if (after > this.end) throw damaged(`${count} cells of ${1 << shift} bytes begin at ${this.at} of ${this.end}`);
        this.at = after;
        return index;
      }
      /** Writes one number. */
      put32(value) {
        this.u32[this.take(1, 2)] = value;
      }
      /** Reads one number. */
      take32() {
        return this.u32[this.take(1, 2)];
      }
    };
    SCRATCH_BYTES = 2 ** 16;
    MAX_KEPT_SCRATCH_BYTES = 2 ** 20;
  }
});

// src/records/record-batch.ts
var NO_TIME, RecordBatch;
var init_record_batch = __esm({
  "src/records/record-batch.ts"() {
    "use strict";
    NO_TIME = Number.NEGATIVE_INFINITY;
    RecordBatch = class {
      values;
      times;
      keyHashes;
      /** Takes the columns over: whoever passes them no longer writes to them. */
      constructor(values = [], times = [], keyHashes = []) {
        this.values = values;
        this.times = times;
        this.keyHashes = keyHashes;
      }
      get size() {
        return this.values.length;
      }
    };
  }
});

// src/records/batch-codec.ts
function hasTimes(times) {
  for (let index = 0; index < times.length; index++) if (times[index] !== NO_TIME) return true;
  return false;
}
function copyInto(target, source, at, count) {
  for (let index = 0; index < count; index++) target.push(source[at + index]);
}
var HEADER_BYTES, HAS_TIMES, HAS_KEY_HASHES, BatchCodec;
var init_batch_codec = __esm({
  "src/records/batch-codec.ts"() {
    "use strict";
    init_errors();
    init_byte_cursor();
    init_record_batch();
    HEADER_BYTES = 8;
    HAS_TIMES = 1;
    HAS_KEY_HASHES = 2;
    BatchCodec = class {
      #values;
      #prepared;
      #withTimes = false;
      constructor(values) {
        this.#values = values;
      }
      /** First half of an encoding. @returns how many bytes `write` writes at most. Nothing may be encoded in between. */
      prepare(batch) {
        const count = batch.size;
        invariant(
          batch.times.length === count && (batch.keyHashes.length === count || batch.keyHashes.length === 0),
          () => `a batch of ${count} values has ${batch.times.length} times and ${batch.keyHashes.length} key hashes`
        );
        const valuesBound = this.#values.prepare(batch.values);
        this.#prepared = batch;
        this.#withTimes = hasTimes(batch.times);
        return HEADER_BYTES + (this.#withTimes ? 8 * count : 0) + 8 * Math.ceil(batch.keyHashes.length / 2) + valuesBound;
      }
      /** Second half: writes at the cursor, which stands at a multiple of 8 and has the room, and moves it behind. */
      write(sink) {
        const batch = this.#prepared;
        invariant(batch !== void 0, "a batch was written before it was prepared");
        this.#prepared = void 0;
        const { times, keyHashes } = batch;
        const withTimes = this.#withTimes;
        sink.put32(batch.size);
        sink.put32((withTimes ? HAS_TIMES : 0) | (keyHashes.length > 0 ? HAS_KEY_HASHES : 0));
        if (withTimes) {
          const at2 = sink.take(times.length, 3);
          for (let row = 0; row < times.length; row++) sink.f64[at2 + row] = times[row];
        }
        const at = sink.take(keyHashes.length, 2);
        for (let row = 0; row < keyHashes.length; row++) sink.u32[at + row] = keyHashes[row];
        sink.take(0, 3);
        this.#values.write(sink);
      }
      /** Both halves. @returns bytes of their own */
      encode(batch) {
        return this.finish(this.prepare(batch));
      }
      /** Second half, for want of a place to write to. @param bound what `prepare` said @returns bytes of their own */
      finish(bound) {
        const sink = scratchOf(bound);
        this.write(sink);
        return sink.u8.slice(0, sink.at);
      }
      /** A batch that `encode` made bytes of, wherever they begin. */
      decode(bytes) {
        return this.read(cursorOver(bytes));
      }
      /**
       * Reads a batch from the cursor, which stands at a multiple of 8, to its end. The memory may be shared and reused
       * afterwards: nothing returned is a view on it.
       *
       * @throws {EngineError} RECORD_NOT_READABLE
       */
      read(source) {
        const count = source.take32();
        const columns = source.take32();
        if (columns > (HAS_TIMES | HAS_KEY_HASHES)) throw damaged(`a batch has columns ${columns}`);
        const times = [];
        const keyHashes = [];
        if ((columns & HAS_TIMES) !== 0) copyInto(times, source.f64, source.take(count, 3), count);
        if ((columns & HAS_KEY_HASHES) !== 0) copyInto(keyHashes, source.u32, source.take(count, 2), count);
        source.take(0, 3);
        const values = this.#values.read(source, count);
        for (let row = times.length; row < count; row++) times.push(NO_TIME);
        return new RecordBatch(values, times, keyHashes);
      }
    };
  }
});

// src/records/copy-plain.ts
function copyPlain(value) {
  return copyAt(value, 0);
}
function copyAt(value, depth) {
  if (typeof value !== "object" || value === null) {
    return typeof value === "function" || typeof value === "symbol" ? NOT_COPIED : value;
  }
  if (depth === MAX_DEPTH) return NOT_COPIED;
  if (Array.isArray(value)) return copyArray(value, depth + 1);
  return Object.getPrototypeOf(value) === PLAIN_OBJECT ? copyObject(value, depth + 1) : NOT_COPIED;
}
function copyObject(value, depth) {
  const copy = { ...value };
  for (const name in copy) {
    const part = copy[name];
    if (typeof part !== "object" && typeof part !== "function" && typeof part !== "symbol") continue;
    const copied = copyAt(part, depth);
    if (copied === NOT_COPIED) return NOT_COPIED;
    copy[name] = copied;
  }
  return copy;
}
function copyArray(value, depth) {
  if (value.length > MAX_ITEMS || Object.getPrototypeOf(value) !== Array.prototype) return NOT_COPIED;
  const copy = new Array(value.length);
  for (let index = 0; index < value.length; index++) {
    if (!(index in value)) return NOT_COPIED;
    const copied = copyAt(value[index], depth);
    if (copied === NOT_COPIED) return NOT_COPIED;
    copy[index] = copied;
  }
  return copy;
}
var NOT_COPIED, MAX_DEPTH, MAX_ITEMS, PLAIN_OBJECT;
var init_copy_plain = __esm({
  "src/records/copy-plain.ts"() {
    "use strict";
    NOT_COPIED = /* @__PURE__ */ Symbol("not copied");
    MAX_DEPTH = 4;
    MAX_ITEMS = 64;
    PLAIN_OBJECT = Object.prototype;
  }
});

// src/records/element.ts
var ElementKind, IDLE, END;
var init_element = __esm({
  "src/records/element.ts"() {
    "use strict";
    ElementKind = {
      /** A batch of records. Costs one credit per record. */
      DATA: 1,
      /** No record with an event time <= timeMs follows that is on time. A newer one may replace one that waits. */
      WATERMARK: 2,
      /** The sender has no input at the moment: its watermark no longer holds the minimum back, until data or a watermark follows. */
      IDLE: 3,
      /** The checkpoint's mark. Never replaced, never overtaken by a watermark. */
      BARRIER: 4,
      /** Nothing follows. */
      END: 5
    };
    IDLE = { kind: ElementKind.IDLE };
    END = { kind: ElementKind.END };
  }
});

// src/records/plainness.ts
function inspect(value) {
  return inspectAt(value, 0);
}
function mayTravel(value) {
  return isFlat(value) || inspect(value) !== Plainness.REFUSED;
}
function isFlat(value) {
  if (typeof value !== "object" || value === null) return typeof value !== "function" && typeof value !== "symbol";
  if (getPrototypeOf(value) !== PLAIN_OBJECT2) return false;
  for (const key in value) {
    const field = value[key];
    if (typeof field === "object" ? field !== null : typeof field === "function" || typeof field === "symbol")
      return false;
  }
  return true;
}
function isWellFormed(text) {
  return !SURROGATE.test(text) || text.isWellFormed();
}
function inspectAt(value, depth) {
  switch (typeof value) {
    case "number":
      return value === 0 && 1 / value < 0 ? Plainness.DELICATE : Plainness.PLAIN;
    case "string":
      return isWellFormed(value) ? Plainness.PLAIN : Plainness.DELICATE;
    case "object":
      return value === null ? Plainness.PLAIN : inspectObject(value, depth);
    case "function":
    case "symbol":
      return Plainness.REFUSED;
    default:
      return Plainness.PLAIN;
  }
}
function inspectObject(value, depth) {
  if (depth === MAX_DEPTH2) return Plainness.REFUSED;
  const prototype = getPrototypeOf(value);
  if (prototype === PLAIN_OBJECT2) return inspectFields(value, depth + 1);
  if (prototype === PLAIN_ARRAY) return inspectItems(value, depth + 1);
  if (prototype === null) {
    return Math.max(Plainness.DELICATE, inspectFields(value, depth + 1));
  }
  if (prototype === Map.prototype) return inspectEntries(value, depth + 1);
  if (prototype === Set.prototype) return inspectMembers(value, depth + 1);
  return isBuiltinData(value, prototype) ? Plainness.PLAIN : Plainness.REFUSED;
}
function inspectFields(record, depth) {
  let worst = Plainness.PLAIN;
  for (const key in record) {
    if (key === "__proto__" || !isWellFormed(key)) worst = Math.max(worst, Plainness.DELICATE);
    const found = inspectAt(record[key], depth);
    if (found > worst) {
      if (found === Plainness.REFUSED) return found;
      worst = found;
    }
  }
  return worst;
}
function inspectItems(items, depth) {
  let worst = Plainness.PLAIN;
  for (let index = 0; index < items.length; index++) {
    const item = items[index];
    const found = item === void 0 && !(index in items) ? Plainness.DELICATE : inspectAt(item, depth);
    if (found > worst) {
      if (found === Plainness.REFUSED) return found;
      worst = found;
    }
  }
  return worst;
}
function inspectEntries(map, depth) {
  let worst = Plainness.PLAIN;
  for (const [key, value] of map) {
    worst = Math.max(worst, inspectAt(key, depth), inspectAt(value, depth));
    if (worst === Plainness.REFUSED) return worst;
  }
  return worst;
}
function inspectMembers(set, depth) {
  let worst = Plainness.PLAIN;
  for (const member of set) {
    worst = Math.max(worst, inspectAt(member, depth));
    if (worst === Plainness.REFUSED) return worst;
  }
  return worst;
}
function isBuiltinData(value, prototype) {
  return BUILTIN_PROTOTYPES.has(prototype) && !(ArrayBuffer.isView(value) && value.buffer instanceof SharedArrayBuffer);
}
function findUnserializable(value) {
  return findAt(value, "", []);
}
function findAt(value, path, ancestors) {
  switch (typeof value) {
    case "function":
      return { path, reason: "a function" };
    case "symbol":
      return { path, reason: "a symbol" };
    case "object":
      return value === null ? void 0 : findInObject(value, path, ancestors);
    default:
      return void 0;
  }
}
function findInObject(value, path, ancestors) {
  if (ancestors.includes(value)) return { path, reason: "a reference back to a value that contains it" };
  if (ancestors.length === MAX_DEPTH2) return { path, reason: `nested deeper than ${MAX_DEPTH2} levels` };
  const prototype = Object.getPrototypeOf(value);
  ancestors.push(value);
  const found = findInParts(value, prototype, path, ancestors);
  ancestors.pop();
  return found;
}
function findInParts(value, prototype, path, ancestors) {
  if (prototype === PLAIN_OBJECT2 || prototype === null) return findInFields(value, path, ancestors);
  if (prototype === PLAIN_ARRAY) return findInItems(value, path, ancestors);
  if (prototype === Map.prototype) {
    for (const [key, item] of value) {
      const itemPath = `${path}.get(${nameOfKey(key)})`;
      const found = findAt(key, `${path}.keys()`, ancestors) ?? findAt(item, itemPath, ancestors);
      if (found !== void 0) return found;
    }
    return void 0;
  }
  if (prototype === Set.prototype) {
    for (const member of value) {
      const found = findAt(member, `${path}.values()`, ancestors);
      if (found !== void 0) return found;
    }
    return void 0;
  }
  return isBuiltinData(value, prototype) ? void 0 : { path, reason: describeObject(value, prototype) };
}
function findInFields(record, path, ancestors) {
  for (const key of Reflect.ownKeys(record)) {
    if (typeof key === "symbol") return { path: `${path}[${String(key)}]`, reason: "a field whose key is a symbol" };
    const fieldPath = path === "" ? key : `${path}.${key}`;
    const property = Object.getOwnPropertyDescriptor(record, key);
    if (property?.enumerable === false) return { path: fieldPath, reason: "not enumerable" };
    const found = findAt(record[key], fieldPath, ancestors);
    if (found !== void 0) return found;
  }
  return void 0;
}
function findInItems(items, path, ancestors) {
  for (let index = 0; index < items.length; index++) {
    const found = findAt(items[index], `${path}[${index}]`, ancestors);
    if (found !== void 0) return found;
  }
  return void 0;
}
function nameOfKey(key) {
  return typeof key === "string" ? JSON.stringify(key) : typeof key === "object" ? "{...}" : String(key);
}
function describeObject(value, prototype) {
  if (ArrayBuffer.isView(value)) return "a view on shared memory, or of a class of its own";
  const name = prototype.constructor?.name;
  if (typeof name !== "string" || name === "") return "an instance of a class";
  if (value instanceof Error) return `an instance of ${name} (an error); send its name and message`;
  return `an instance of the class ${name}`;
}
var MAX_DEPTH2, Plainness, SURROGATE, getPrototypeOf, PLAIN_OBJECT2, PLAIN_ARRAY, BUILTIN_PROTOTYPES;
var init_plainness = __esm({
  "src/records/plainness.ts"() {
    "use strict";
    MAX_DEPTH2 = 256;
    Plainness = {
      /** Arrives as it is. */
      PLAIN: 0,
      /** Plain data that msgpack would alter: -0, lone surrogates, holes in arrays, objects without prototype, the key "__proto__". */
      DELICATE: 1,
      /** Holds a part that cannot travel: `findUnserializable` names it. */
      REFUSED: 2
    };
    SURROGATE = /[\ud800-\udfff]/;
    getPrototypeOf = Object.getPrototypeOf;
    PLAIN_OBJECT2 = Object.prototype;
    PLAIN_ARRAY = Array.prototype;
    BUILTIN_PROTOTYPES = new Set(
      [
        Date,
        ArrayBuffer,
        DataView,
        Int8Array,
        Uint8Array,
        Uint8ClampedArray,
        Int16Array,
        Uint16Array,
        Int32Array,
        Uint32Array,
        Float32Array,
        Float64Array,
        BigInt64Array,
        BigUint64Array,
        globalThis.Buffer
      ].filter((builtin) => builtin !== void 0).map((builtin) => builtin.prototype)
    );
  }
});

// src/records/_refusal.ts
function refusal(values, cause) {
  for (const value of values) {
    const found = findUnserializable(value);
    if (found !== void 0) return refusalOf(found, cause);
  }
  const reason = cause instanceof Error ? cause.message : "a part of it changed while it was looked at";
  return new EngineError(
    "RECORD_NOT_SERIALIZABLE",
    `Cannot serialize a batch of ${values.length} records for another thread: ${reason}; send plain data (numbers, strings, dates, maps, arrays, plain objects) in smaller records`,
    { cause }
  );
}
function explainRefusal(error, values) {
  return error instanceof EngineError && error.code === "RECORD_NOT_SERIALIZABLE" ? refusal(values, error.cause) : error;
}
function refusalOf({ path, reason }, cause) {
  const part = path === "" ? "the record itself" : `field "${path}"`;
  return new EngineError(
    "RECORD_NOT_SERIALIZABLE",
    `Cannot serialize a record for another thread: ${part} is ${reason}; send plain data (numbers, strings, dates, maps, arrays, plain objects), or keep the value inside one operator`,
    { cause, details: { path, reason } }
  );
}
var FIRST_CHECKED_RECORDS, CHECK_EVERY_RECORDS, SampledCheck;
var init_refusal = __esm({
  "src/records/_refusal.ts"() {
    "use strict";
    init_errors();
    init_plainness();
    FIRST_CHECKED_RECORDS = 64;
    CHECK_EVERY_RECORDS = 256;
    SampledCheck = class {
      #seen = 0;
      #next = 0;
      /** @throws {EngineError} RECORD_NOT_SERIALIZABLE */
      check(values) {
        while (this.#next < this.#seen + values.length) {
          const found = findUnserializable(values[this.#next - this.#seen]);
          if (found !== void 0) throw refusalOf(found);
          this.#next += this.#next < FIRST_CHECKED_RECORDS ? 1 : CHECK_EVERY_RECORDS;
        }
        this.#seen += values.length;
      }
    };
  }
});

// src/records/_tagged.ts
function toTagged(value) {
  if (typeof value === "number") return Object.is(value, -0) ? [Tag.NEGATIVE_ZERO] : value;
  if (typeof value === "string") return isWellFormed(value) ? value : [Tag.UTF16, utf16Of(value)];
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return [Tag.ARRAY, ...itemsOf(value)];
  if (value instanceof Map) return [Tag.MAP, ...[...value].flat(1).map(toTagged)];
  if (value instanceof Set) return [Tag.SET, ...[...value].map(toTagged)];
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  const tag = prototype === null ? Tag.OBJECT_WITHOUT_PROTOTYPE : Tag.OBJECT;
  return [tag, ...Object.entries(value).flat(1).map(toTagged)];
}
function fromTagged(tagged) {
  if (!Array.isArray(tagged)) return tagged;
  const parts = tagged;
  switch (parts[0]) {
    case Tag.ARRAY:
      return arrayOf(parts);
    case Tag.OBJECT:
      return withFields({}, parts);
    case Tag.OBJECT_WITHOUT_PROTOTYPE:
      return withFields(/* @__PURE__ */ Object.create(null), parts);
    case Tag.MAP:
      return mapOf(parts);
    case Tag.SET:
      return new Set(parts.slice(1).map(fromTagged));
    case Tag.NEGATIVE_ZERO:
      return -0;
    default:
      return textOf(parts[1]);
  }
}
function itemsOf(items) {
  return Array.from(items, (item, index) => index in items ? toTagged(item) : [Tag.HOLE]);
}
function arrayOf(parts) {
  const items = [];
  items.length = parts.length - 1;
  for (let index = 1; index < parts.length; index++) {
    const part = parts[index];
    if (!Array.isArray(part) || part[0] !== Tag.HOLE) items[index - 1] = fromTagged(part);
  }
  return items;
}
function withFields(record, parts) {
  for (let index = 1; index < parts.length; index += 2) {
    Object.defineProperty(record, fromTagged(parts[index]), {
      value: fromTagged(parts[index + 1]),
      writable: true,
      enumerable: true,
      configurable: true
    });
  }
  return record;
}
function mapOf(parts) {
  const map = /* @__PURE__ */ new Map();
  for (let index = 1; index < parts.length; index += 2) map.set(fromTagged(parts[index]), fromTagged(parts[index + 1]));
  return map;
}
function utf16Of(text) {
  const units = new Uint16Array(text.length);
  for (let index = 0; index < text.length; index++) units[index] = text.charCodeAt(index);
  return units;
}
function textOf(units) {
  let text = "";
  for (let at = 0; at < units.length; at += 4096) text += String.fromCharCode(...units.subarray(at, at + 4096));
  return text;
}
var Tag;
var init_tagged = __esm({
  "src/records/_tagged.ts"() {
    "use strict";
    init_plainness();
    Tag = {
      ARRAY: 0,
      OBJECT: 1,
      OBJECT_WITHOUT_PROTOTYPE: 2,
      MAP: 3,
      SET: 4,
      NEGATIVE_ZERO: 5,
      /** A string with lone surrogates: its UTF-16 units. */
      UTF16: 6,
      HOLE: 7
    };
  }
});

// src/records/msgpack-codec.ts
import { Packr as AnyPackr, RESERVE_START_SPACE } from "msgpackr/pack";
import { Unpackr as AnyUnpackr } from "msgpackr/unpack";
var TypedPackr, TypedUnpackr, buffers, Layout, OPTIONS, MAX_KEPT_BUFFER_BYTES, FRESH_BUFFER_BYTES, MsgpackCodec;
var init_msgpack_codec = __esm({
  "src/records/msgpack-codec.ts"() {
    "use strict";
    init_refusal();
    init_tagged();
    init_byte_cursor();
    init_plainness();
    TypedPackr = AnyPackr;
    TypedUnpackr = AnyUnpackr;
    buffers = globalThis.Buffer;
    Layout = {
      /** One msgpack array of the values. */
      ROWS: 0,
      /** The array of the values in the form of _tagged.ts, for values that msgpack would alter. */
      TAGGED: 2
    };
    OPTIONS = {
      // Sets and typed arrays keep their type, integers may be of any size.
      moreTypes: true,
      // A field named toJSON is data like any other.
      useToJSON: false,
      // What is decoded must not be a view on a ring.
      copyBuffers: true
    };
    MAX_KEPT_BUFFER_BYTES = 2 ** 20;
    FRESH_BUFFER_BYTES = 2 ** 16;
    MsgpackCodec = class {
      #packr = new TypedPackr(OPTIONS);
      #unpackr = new TypedUnpackr(OPTIONS);
      #check = new SampledCheck();
      /** @returns bytes that stay valid until the next call of `encode` */
      encode(values) {
        this.#check.check(values);
        let worst = Plainness.PLAIN;
        for (let index = 0; index < values.length; index++) {
          const found = inspect(values[index]);
          if (found > worst) worst = found;
        }
        if (worst === Plainness.REFUSED) throw refusal(values);
        return worst === Plainness.DELICATE ? this.#pack(Layout.TAGGED, Array.from(values, toTagged), values) : this.#pack(Layout.ROWS, values, values);
      }
      /** Takes bytes that may lie in shared memory and be reused afterwards: nothing returned is a view on them. */
      decode(bytes) {
        const body = bytes.subarray(1);
        const source = buffers === void 0 ? body : buffers.from(body.buffer, body.byteOffset, body.length);
        const layout = bytes[0];
        let decoded;
        try {
          decoded = this.#unpackr.unpack(source);
          if (layout === Layout.TAGGED) decoded = decoded.map(fromTagged);
        } catch (error) {
          throw damaged(`they are no msgpack of ours (${error.message})`);
        }
        if (layout !== Layout.ROWS && layout !== Layout.TAGGED || !Array.isArray(decoded)) {
          throw damaged(`their layout ${layout} is unknown, or they are no list`);
        }
        return decoded;
      }
      #pack(layout, body, values) {
        let bytes;
        try {
          bytes = this.#packr.pack(body, RESERVE_START_SPACE | 1);
        } catch (error) {
          throw refusal(values, error);
        }
        bytes[0] = layout;
        if (bytes.length > MAX_KEPT_BUFFER_BYTES) {
          this.#packr.useBuffer(buffers?.allocUnsafeSlow(FRESH_BUFFER_BYTES) ?? new Uint8Array(FRESH_BUFFER_BYTES));
        }
        return bytes;
      }
    };
  }
});

// src/records/_shape.ts
function parseShape(text) {
  let shape;
  try {
    shape = JSON.parse(text);
  } catch {
    throw damaged(`their shape ${JSON.stringify(text.slice(0, 80))} is no JSON`);
  }
  if (!isShape(shape, 0)) throw damaged(`their shape ${text.slice(0, 80)} is unknown`);
  return shape;
}
function isShape(shape, depth) {
  if (typeof shape === "number") return Number.isInteger(shape) && shape >= Kind.INT8 && shape <= Kind.CELLS;
  if (!Array.isArray(shape) || depth > 2 * MAX_SHAPE_DEPTH) return false;
  const [kind, first, second] = shape;
  const areShapes = (list) => Array.isArray(list) && list.length > 0 && list.every((each) => isShape(each, depth + 1));
  switch (kind) {
    case Kind.OBJECT:
      return shape.length === 3 && areKeys(first) && areShapes(second) && first.length === second.length;
    case Kind.LIST:
      return shape.length === 2 && isShape(first, depth + 1);
    case Kind.UNION:
      return shape.length === 2 && areShapes(first) && first.length <= MAX_MEMBERS;
    default:
      return false;
  }
}
function areKeys(keys) {
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MAX_FIELDS) return false;
  return keys.every((key) => typeof key === "string" && key !== "__proto__") && new Set(keys).size === keys.length;
}
var Kind, MAX_SHAPE_DEPTH, MAX_FIELDS, MAX_MEMBERS;
var init_shape = __esm({
  "src/records/_shape.ts"() {
    "use strict";
    init_byte_cursor();
    Kind = {
      /** Integers. Not -0. */
      INT8: 1,
      INT16: 2,
      INT32: 3,
      /** Any numbers: keeps -0, NaN and infinities. */
      FLOAT64: 4,
      BOOLEAN: 5,
      STRING: 6,
      NULL: 7,
      UNDEFINED: 8,
      /** By its ms. */
      DATE: 9,
      /** Everything else: a frame of MsgpackCodec. */
      CELLS: 10,
      /** Plain objects with the same fields in the same order: a column each. */
      OBJECT: 11,
      /** Arrays: their lengths, and one column of all their items. */
      LIST: 12,
      /** Cells of several kinds: a number per cell that says which, and a column per kind. */
      UNION: 13
    };
    MAX_SHAPE_DEPTH = 6;
    MAX_FIELDS = 64;
    MAX_MEMBERS = 16;
  }
});

// src/records/_text-column.ts
function textBound(count, units) {
  return 16 + 2 * count + 2 * units;
}
function writeText(sink, strings, count, units) {
  let text = "";
  let longest = 0;
  for (let row = 0; row < count; row++) {
    const string = strings[row];
    text += string;
    if (string.length > longest) longest = string.length;
  }
  const shift = longest < 256 ? 0 : 1;
  const head = sink.take(2, 2);
  const lengthsAt = sink.take(count, shift);
  const lengths = shift === 0 ? sink.u8 : sink.u16;
  for (let row = 0; row < count; row++) lengths[lengthsAt + row] = strings[row].length;
  const unit = writeUnits(sink, text);
  sink.u32[head] = unit | shift << 8;
  sink.u32[head + 1] = units;
}
function writeUnits(sink, text) {
  const units = text.length;
  if (sink.text.utf8Write(text, sink.at, units + 4) === units) {
    sink.at += units;
    return LATIN1;
  }
  if (!BEYOND_LATIN1.test(text)) {
    sink.at += sink.text.latin1Write(text, sink.at, units);
    return LATIN1;
  }
  sink.at = sink.at + 1 & ~1;
  sink.at += sink.text.ucs2Write(text, sink.at, 2 * units);
  return UTF16;
}
function readText(source, count) {
  const head = source.take(2, 2);
  const unit = source.u32[head] & 255;
  const shift = source.u32[head] >>> 8;
  const units = source.u32[head + 1];
  if (unit > UTF16 || shift > 1) throw damaged(`a text has units ${unit} and lengths ${shift}`);
  const lengthsAt = source.take(count, shift);
  const lengths = shift === 0 ? source.u8 : source.u16;
  const start = source.take(units, unit) << unit;
  const strings = [];
  let at = 0;
  let pieceFrom = 0;
  let pieceTo = 0;
  let piece = "";
  for (let row = 0; row < count; row++) {
    const length = lengths[lengthsAt + row];
    const to = at + length;
    if (to > pieceTo) {
      if (to > units) throw damaged(`strings of more than the ${units} units of their text`);
      pieceFrom = at;
      pieceTo = Math.min(units, at + Math.max(length, PIECE_UNITS));
      piece = readUnits(source, unit, start + (pieceFrom << unit), start + (pieceTo << unit));
    }
    strings.push(piece.substring(at - pieceFrom, to - pieceFrom));
    at = to;
  }
  if (at !== units) throw damaged(`strings of ${at} units out of a text of ${units}`);
  return strings;
}
function readUnits(source, unit, from, to) {
  return unit === LATIN1 ? source.text.latin1Slice(from, to) : source.text.ucs2Slice(from, to);
}
var LATIN1, UTF16, PIECE_UNITS, BEYOND_LATIN1, MAX_TEXT_CELL_UNITS;
var init_text_column = __esm({
  "src/records/_text-column.ts"() {
    "use strict";
    init_byte_cursor();
    LATIN1 = 0;
    UTF16 = 1;
    PIECE_UNITS = 512;
    BEYOND_LATIN1 = /[^\0-\xff]/;
    MAX_TEXT_CELL_UNITS = 65535;
  }
});

// src/records/_column-kinds.ts
function narrowest(numbers, count) {
  let min = 0;
  let max = 0;
  for (let row = 0; row < count; row++) {
    const number = numbers[row];
    if ((number | 0) !== number || number === 0 && 1 / number < 0) return Kind.FLOAT64;
    if (number < min) min = number;
    else if (number > max) max = number;
  }
  if (min >= -128 && max < 128) return Kind.INT8;
  return min >= -32768 && max < 32768 ? Kind.INT16 : Kind.INT32;
}
function unitsOf(strings) {
  let units = 0;
  for (let row = 0; row < strings.length; row++) units += strings[row].length;
  return units;
}
var NumberCells, Strings, MIN_WORDS_STRINGS, FIRST_REST, MAX_REST, MAX_WORDS, StringCells, ByteCells, DateCells, OtherCells;
var init_column_kinds = __esm({
  "src/records/_column-kinds.ts"() {
    "use strict";
    init_shape();
    init_text_column();
    NumberCells = class {
      #watch;
      count = 0;
      /** Those gathered. Whoever gathers into it directly makes room first. */
      numbers = new Float64Array(64);
      #kind = Kind.INT8;
      constructor(watch) {
        this.#watch = watch;
      }
      takes(cell) {
        return typeof cell === "number";
      }
      makeRoom(more) {
        if (this.count + more > this.numbers.length) {
          const longer = new Float64Array(Math.max(2 * this.numbers.length, this.count + more));
          longer.set(this.numbers.subarray(0, this.count));
          this.numbers = longer;
        }
        return this.numbers;
      }
      gather(cells, from, to) {
        const numbers = this.makeRoom(to - from);
        let at = this.count;
        let row = from;
        for (; row < to; row++) {
          const cell = cells[row];
          if (typeof cell !== "number") break;
          numbers[at++] = cell;
        }
        this.count = at;
        return row;
      }
      settle() {
        if (this.#kind === Kind.FLOAT64) return;
        const kind = narrowest(this.numbers, this.count);
        if (kind <= this.#kind) return;
        this.#kind = kind;
        this.#watch.changed = true;
      }
      get shape() {
        return this.#kind;
      }
      get bound() {
        return 7 + 8 * this.count;
      }
      write(sink) {
        const { numbers, count } = this;
        const shift = this.#kind - Kind.INT8;
        const at = sink.take(count, shift);
        switch (this.#kind) {
          case Kind.INT8:
            for (let row = 0; row < count; row++) sink.i8[at + row] = numbers[row];
            return;
          case Kind.INT16:
            for (let row = 0; row < count; row++) sink.i16[at + row] = numbers[row];
            return;
          case Kind.INT32:
            for (let row = 0; row < count; row++) sink.i32[at + row] = numbers[row];
            return;
          default:
            for (let row = 0; row < count; row++) sink.f64[at + row] = numbers[row];
        }
      }
      clear() {
        this.count = 0;
      }
    };
    Strings = {
      /** A text of all. */
      EACH: 0,
      /** u32: how many words there are; a u8 per cell: its word; a text of the words. */
      WORDS8: 1,
      /** The same with a u16 per cell. */
      WORDS16: 2
    };
    MIN_WORDS_STRINGS = 8;
    FIRST_REST = 8;
    MAX_REST = 512;
    MAX_WORDS = 65536;
    StringCells = class {
      shape = Kind.STRING;
      /** Those gathered. */
      strings = [];
      #units = 0;
      #positions = /* @__PURE__ */ new Map();
      #words = [];
      #wordUnits = 0;
      /** By row, where words are worth it. */
      #positionOf = new Uint16Array(64);
      #hasWords = false;
      #rest = FIRST_REST;
      #restLeft = 0;
      get count() {
        return this.strings.length;
      }
      takes(cell) {
        return typeof cell === "string" && cell.length <= MAX_TEXT_CELL_UNITS;
      }
      gather(cells, from, to) {
        const { strings } = this;
        let row = from;
        for (; row < to; row++) {
          const cell = cells[row];
          if (typeof cell !== "string" || cell.length > MAX_TEXT_CELL_UNITS) break;
          strings.push(cell);
        }
        return row;
      }
      settle() {
        this.#units = unitsOf(this.strings);
        this.#hasWords = false;
        if (this.count < MIN_WORDS_STRINGS) return;
        if (this.#restLeft > 0) {
          this.#restLeft -= 1;
          return;
        }
        this.#hasWords = this.#findWords();
        if (this.#hasWords) {
          this.#rest = FIRST_REST;
          return;
        }
        this.#restLeft = this.#rest;
        this.#rest = Math.min(MAX_REST, 2 * this.#rest);
      }
      /** @returns false when less than half of the strings are repetitions */
      #findWords() {
        const strings = this.strings;
        const count = strings.length;
        if (this.#positionOf.length < count) this.#positionOf = new Uint16Array(2 * count);
        const positions = this.#positions;
        const positionOf = this.#positionOf;
        const words = this.#words;
        positions.clear();
        words.length = 0;
        this.#wordUnits = 0;
        for (let row = 0; row < count; row++) {
          const string = strings[row];
          let position = positions.get(string);
          if (position === void 0) {
            position = words.length;
            if (position === MAX_WORDS || 2 * (position + 1) > count) return false;
            positions.set(string, position);
            words.push(string);
            this.#wordUnits += string.length;
          }
          positionOf[row] = position;
        }
        return true;
      }
      get bound() {
        const count = this.count;
        return 8 + (this.#hasWords ? 8 + 2 * count + textBound(this.#words.length, this.#wordUnits) : textBound(count, this.#units));
      }
      write(sink) {
        const count = this.count;
        if (!this.#hasWords) {
          sink.put32(Strings.EACH);
          writeText(sink, this.strings, count, this.#units);
          return;
        }
        const words = this.#words;
        const short = words.length <= 256;
        sink.put32(short ? Strings.WORDS8 : Strings.WORDS16);
        sink.put32(words.length);
        const at = sink.take(count, short ? 0 : 1);
        const view = short ? sink.u8 : sink.u16;
        for (let row = 0; row < count; row++) view[at + row] = this.#positionOf[row];
        writeText(sink, words, words.length, this.#wordUnits);
      }
      clear() {
        this.strings.length = 0;
        this.#units = 0;
        this.#words.length = 0;
        this.#positions.clear();
      }
    };
    ByteCells = class {
      shape;
      #zero;
      #one;
      count = 0;
      #bytes = new Uint8Array(64);
      /** @param zero the cell that is written as 0; `one` the other, or the same again */
      constructor(kind, zero, one) {
        this.shape = kind;
        this.#zero = zero;
        this.#one = one;
      }
      gather(cells, from, to) {
        if (this.count + to - from > this.#bytes.length) {
          const longer = new Uint8Array(Math.max(2 * this.#bytes.length, this.count + to - from));
          longer.set(this.#bytes);
          this.#bytes = longer;
        }
        let row = from;
        for (; row < to; row++) {
          const cell = cells[row];
          if (cell === this.#zero) this.#bytes[this.count++] = 0;
          else if (cell === this.#one) this.#bytes[this.count++] = 1;
          else break;
        }
        return row;
      }
      settle() {
      }
      get bound() {
        return this.count;
      }
      write(sink) {
        const at = sink.take(this.count, 0);
        for (let row = 0; row < this.count; row++) sink.u8[at + row] = this.#bytes[row];
      }
      clear() {
        this.count = 0;
      }
    };
    DateCells = class {
      shape = Kind.DATE;
      #times = [];
      get count() {
        return this.#times.length;
      }
      gather(cells, from, to) {
        let row = from;
        for (; row < to; row++) {
          const cell = cells[row];
          if (!(cell instanceof Date) || Object.getPrototypeOf(cell) !== Date.prototype) break;
          this.#times.push(cell.getTime());
        }
        return row;
      }
      settle() {
      }
      get bound() {
        return 7 + 8 * this.count;
      }
      write(sink) {
        const at = sink.take(this.count, 3);
        for (let row = 0; row < this.count; row++) sink.f64[at + row] = this.#times[row];
      }
      clear() {
        this.#times.length = 0;
      }
    };
    OtherCells = class {
      shape = Kind.CELLS;
      #any;
      #cells = [];
      #bytes = new Uint8Array(0);
      constructor(any) {
        this.#any = any;
      }
      get count() {
        return this.#cells.length;
      }
      gather(cells, from, to) {
        for (let row = from; row < to; row++) this.#cells.push(cells[row]);
        return to;
      }
      settle() {
        this.#bytes = this.#any.encode(this.#cells).slice();
      }
      get bound() {
        return 8 + this.#bytes.length;
      }
      write(sink) {
        sink.put32(this.#bytes.length);
        const at = sink.take(this.#bytes.length, 0);
        sink.u8.set(this.#bytes, at);
      }
      clear() {
        this.#cells.length = 0;
        this.#bytes = new Uint8Array(0);
      }
    };
  }
});

// src/records/_list-cells.ts
var ListCells;
var init_list_cells = __esm({
  "src/records/_list-cells.ts"() {
    "use strict";
    init_shape();
    ListCells = class {
      #items;
      #lengths = [];
      #cells = [];
      #longest = 0;
      constructor(items) {
        this.#items = items;
      }
      get count() {
        return this.#lengths.length;
      }
      gather(cells, from, to) {
        let row = from;
        for (; row < to; row++) {
          const list = cells[row];
          if (!Array.isArray(list) || Object.getPrototypeOf(list) !== Array.prototype || !this.#addItems(list)) break;
          this.#lengths.push(list.length);
          if (list.length > this.#longest) this.#longest = list.length;
        }
        return row;
      }
      /** @returns false, and adds nothing, when there is a hole */
      #addItems(list) {
        const items = this.#cells;
        const before = items.length;
        for (let index = 0; index < list.length; index++) {
          const item = list[index];
          if (item === void 0 && !(index in list)) {
            items.length = before;
            return false;
          }
          items.push(item);
        }
        return true;
      }
      settle() {
        this.#items.gather(this.#cells, this.#cells.length);
        this.#items.settle();
      }
      get shape() {
        return [Kind.LIST, this.#items.shape];
      }
      get bound() {
        return 12 + 4 * this.count + this.#items.bound;
      }
      write(sink) {
        const shift = this.#longest < 256 ? 0 : this.#longest < 65536 ? 1 : 2;
        sink.put32(shift);
        const at = sink.take(this.count, shift);
        const view = shift === 0 ? sink.u8 : shift === 1 ? sink.u16 : sink.u32;
        for (let row = 0; row < this.count; row++) view[at + row] = this.#lengths[row];
        this.#items.write(sink);
      }
      clear() {
        this.#lengths.length = 0;
        this.#cells.length = 0;
        this.#longest = 0;
        this.#items.clear();
      }
    };
  }
});

// src/records/_object-cells.ts
function gathererFor(keys, direct) {
  const ways = direct.map((each) => each instanceof NumberCells ? "n" : each instanceof StringCells ? "s" : "-");
  const name = `${ways.join("")}${JSON.stringify(keys)}`;
  let gatherer = gatherers.get(name);
  if (gatherer === void 0) {
    if (gatherers.size === MAX_GATHERERS) gatherers.clear();
    gatherer = compile(keys, ways);
    gatherers.set(name, gatherer);
  }
  return gatherer;
}
function compile(keys, ways) {
  const lines = (line) => keys.map((_, field) => line(field)).join("\n");
  const unfit = {
    n: (cell) => `if (typeof ${cell} !== "number") return row`,
    s: (cell) => `if (typeof ${cell} !== "string" || ${cell}.length > ${MAX_TEXT_CELL_UNITS}) return row`,
    "-": () => ""
  };
  const body = `
    const { getPrototypeOf, prototype } = Object
    ${lines((field) => `const into${field} = into[${field}]`)}
    for (let row = from; row < to; row++) {
      const record = records[row]
      if (typeof record !== "object" || record === null || ${PROTOTYPE_OF_RECORD} !== prototype) return row
      let field = 0
      for (const key in record) {
        if (key !== keys[field]) return row
        field++
      }
      if (field !== ${keys.length}) return row
      ${lines((field) => `const cell${field} = record[${JSON.stringify(keys[field])}]`)}
      ${lines((field) => unfit[ways[field]](`cell${field}`))}
      ${lines((field) => ways[field] === "n" ? `into${field}[count] = cell${field}` : `into${field}.push(cell${field})`)}
      count++
    }
    return to`;
  return new Function("records", "from", "to", "count", "keys", "into", body);
}
var ObjectCells, gatherers, MAX_GATHERERS, PROTOTYPE_OF_RECORD;
var init_object_cells = __esm({
  "src/records/_object-cells.ts"() {
    "use strict";
    init_column_kinds();
    init_shape();
    init_text_column();
    ObjectCells = class {
      #keys;
      #columns;
      /** By field, while it has numbers alone, or strings alone. */
      #direct;
      /** By field, for the others. */
      #cells;
      /** By field: where its cells go. */
      #into;
      #gatherer;
      count = 0;
      /** @param first whose keys these are */
      constructor(keys, first, newColumn) {
        this.#keys = keys;
        this.#columns = keys.map(newColumn);
        this.#direct = keys.map((key, field) => this.#columns[field].beginDirect(first[key]));
        this.#cells = keys.map(() => []);
        this.#into = this.#cells.map((cells, field) => {
          const direct = this.#direct[field];
          return direct instanceof StringCells ? direct.strings : cells;
        });
        this.#gatherer = gathererFor(keys, this.#direct);
      }
      gather(cells, from, to) {
        let row = from;
        while (true) {
          for (let field = 0; field < this.#keys.length; field++) {
            const direct = this.#direct[field];
            if (!(direct instanceof NumberCells)) continue;
            direct.count = this.count;
            this.#into[field] = direct.makeRoom(to - row);
          }
          const next = this.#gatherer(cells, row, to, this.count, this.#keys, this.#into);
          this.count += next - row;
          row = next;
          if (row === to || !this.#endDirect(cells[row])) return row;
        }
      }
      /** Whether this record stopped the gathering only because a field holds another kind of cell than so far: no longer. */
      #endDirect(record) {
        if (!this.#isOfShape(record)) return false;
        let ended = false;
        for (const [field, key] of this.#keys.entries()) {
          const direct = this.#direct[field];
          if (direct === void 0 || direct.takes(record[key])) continue;
          this.#direct[field] = void 0;
          this.#cells[field] = direct instanceof NumberCells ? Array.from(direct.numbers.subarray(0, this.count)) : [...direct.strings];
          this.#into[field] = this.#cells[field];
          direct.clear();
          ended = true;
        }
        if (ended) this.#gatherer = gathererFor(this.#keys, this.#direct);
        return ended;
      }
      #isOfShape(record) {
        if (typeof record !== "object" || record === null || Object.getPrototypeOf(record) !== Object.prototype)
          return false;
        const keys = Object.keys(record);
        return keys.length === this.#keys.length && keys.every((key, field) => key === this.#keys[field]);
      }
      settle() {
        for (let field = 0; field < this.#keys.length; field++) {
          const direct = this.#direct[field];
          if (direct === void 0) this.#columns[field].gather(this.#cells[field], this.count);
          else if (direct instanceof NumberCells) direct.count = this.count;
          this.#columns[field].settle();
        }
      }
      get shape() {
        return [Kind.OBJECT, this.#keys, this.#columns.map((column) => column.shape)];
      }
      get bound() {
        let bound = 0;
        for (const column of this.#columns) bound += column.bound;
        return bound;
      }
      write(sink) {
        for (const column of this.#columns) column.write(sink);
      }
      clear() {
        this.count = 0;
        for (const column of this.#columns) column.clear();
        for (const cells of this.#cells) cells.length = 0;
      }
    };
    gatherers = /* @__PURE__ */ new Map();
    MAX_GATHERERS = 1024;
    PROTOTYPE_OF_RECORD = Object.getOwnPropertyDescriptor(Object.prototype, "__proto__")?.get?.name === "get __proto__" ? "record.__proto__" : "getPrototypeOf(record)";
  }
});

// src/records/_column.ts
var MAX_OBJECT_SHAPES, FORGOTTEN_AFTER, Column;
var init_column = __esm({
  "src/records/_column.ts"() {
    "use strict";
    init_column_kinds();
    init_list_cells();
    init_object_cells();
    init_shape();
    init_text_column();
    MAX_OBJECT_SHAPES = 8;
    FORGOTTEN_AFTER = 64;
    Column = class _Column {
      #options;
      #members = [];
      /** Batches since a member was last met. */
      #unmet = [];
      /** By row, where there are several members. */
      #tags = new Uint8Array(64);
      #count = 0;
      #objectShapes = 0;
      #other = -1;
      #wild = false;
      constructor(options) {
        this.#options = options;
      }
      /**
       * For a column without cells as yet, whose first is going to be this one: while all are of its kind they may be put there
       * without `gather`. @returns undefined for kinds that want `gather`
       */
      beginDirect(first) {
        const kind = this.#kindFor(first);
        if (!(kind instanceof NumberCells || kind instanceof StringCells)) return void 0;
        this.#add(kind);
        return kind;
      }
      /** @throws nothing: what cannot be written shows in `settle` */
      gather(cells, count) {
        this.#count = count;
        const members = this.#members;
        let row = members.length === 1 && this.#other !== 0 ? members[0].gather(cells, 0, count) : 0;
        if (row === count) return;
        if (this.#tags.length < count) this.#tags = new Uint8Array(2 * count);
        const tags = this.#tags;
        tags.fill(0, 0, row);
        let tag = 0;
        while (row < count) {
          let next = this.#gatherWith(tag, cells, row, count);
          for (let each = 0; each < members.length && next === row; each++) {
            tag = each;
            next = this.#gatherWith(tag, cells, row, count);
          }
          if (next === row) {
            tag = this.#admit(cells[row]);
            next = this.#gatherWith(tag, cells, row, count);
          }
          if (next === row) {
            tag = this.#otherTag();
            next = members[tag].gather(cells, row, row + 1);
          }
          tags.fill(tag, row, next);
          row = next;
        }
      }
      /** What takes everything is asked last. */
      #gatherWith(tag, cells, from, to) {
        return tag === this.#other || tag >= this.#members.length ? from : this.#members[tag].gather(cells, from, to);
      }
      /** The tag for cells like this one, which no member takes. */
      #admit(cell) {
        const kind = this.#members.length < MAX_MEMBERS - 1 ? this.#kindFor(cell) : void 0;
        return kind === void 0 ? this.#otherTag() : this.#add(kind);
      }
      #otherTag() {
        if (this.#other === -1) this.#other = this.#add(new OtherCells(this.#options.any));
        return this.#other;
      }
      #add(kind) {
        this.#options.watch.changed = true;
        this.#unmet.push(0);
        return this.#members.push(kind) - 1;
      }
      #kindFor(cell) {
        switch (typeof cell) {
          case "number":
            return new NumberCells(this.#options.watch);
          case "string":
            return cell.length > MAX_TEXT_CELL_UNITS ? void 0 : new StringCells();
          case "boolean":
            return new ByteCells(Kind.BOOLEAN, false, true);
          case "undefined":
            return new ByteCells(Kind.UNDEFINED, void 0, void 0);
          case "object":
            return cell === null ? new ByteCells(Kind.NULL, null, null) : this.#kindForObject(cell);
          default:
            return void 0;
        }
      }
      #kindForObject(cell) {
        const prototype = Object.getPrototypeOf(cell);
        if (prototype === Date.prototype) return new DateCells();
        if (this.#options.depth === MAX_SHAPE_DEPTH) return void 0;
        const newColumn = () => new _Column({ ...this.#options, depth: this.#options.depth + 1 });
        if (prototype === Array.prototype) return new ListCells(newColumn());
        if (prototype !== Object.prototype || this.#objectShapes === MAX_OBJECT_SHAPES) return void 0;
        const keys = Object.keys(cell);
        if (!areKeys(keys)) return void 0;
        this.#objectShapes += 1;
        return new ObjectCells(keys, cell, newColumn);
      }
      /** @throws {EngineError} RECORD_NOT_SERIALIZABLE */
      settle() {
        for (const member of this.#members) member.settle();
      }
      get shape() {
        const members = this.#members;
        if (members.length === 0) return Kind.NULL;
        return members.length === 1 ? members[0].shape : [Kind.UNION, members.map((member) => member.shape)];
      }
      get bound() {
        let bound = this.#count;
        for (const member of this.#members) bound += member.bound;
        return bound;
      }
      write(sink) {
        const members = this.#members;
        if (members.length > 1) {
          const at = sink.take(this.#count, 0);
          for (let row = 0; row < this.#count; row++) sink.u8[at + row] = this.#tags[row];
        }
        for (const member of members) member.write(sink);
      }
      clear() {
        for (const [tag, member] of this.#members.entries()) {
          this.#unmet[tag] = member.count > 0 ? 0 : this.#unmet[tag] + 1;
        }
        const wild = this.#isWild();
        if (wild) this.#wild = true;
        for (const member of this.#members) member.clear();
        if (wild) this.#keepOnly((tag) => tag === this.#other);
        else if (this.#members.length > 1) this.#keepOnly((tag) => this.#unmet[tag] < FORGOTTEN_AFTER);
        this.#count = 0;
      }
      /** Whether most cells are objects whose keys are data, such as counts by name: no shape of theirs comes again. */
      #isWild() {
        if (this.#objectShapes < MAX_OBJECT_SHAPES || this.#other === -1 || this.#members.length === 1) return false;
        return 2 * this.#members[this.#other].count > this.#count;
      }
      #keepOnly(keeps) {
        let leaving = 0;
        for (let tag = 0; tag < this.#members.length; tag++) if (!keeps(tag)) leaving += 1;
        if (leaving === 0 || leaving === this.#members.length) return;
        const kept = this.#members.map((_, tag) => tag).filter(keeps);
        const other = kept.indexOf(this.#other);
        const members = kept.map((tag) => this.#members[tag]);
        this.#members.splice(0, this.#members.length, ...members);
        this.#unmet.splice(0, this.#unmet.length, ...kept.map((tag) => this.#unmet[tag]));
        this.#other = other;
        this.#options.watch.changed = true;
        if (!this.#wild) this.#objectShapes = members.filter((member) => member instanceof ObjectCells).length;
      }
    };
  }
});

// src/records/_column-reader.ts
function createReader(shape, options) {
  if (typeof shape === "number") return cellReader(shape, options);
  switch (shape[0]) {
    case Kind.OBJECT:
      return objectReader(shape, options);
    case Kind.LIST:
      return listReader(createReader(shape[1], options));
    default:
      return unionReader(shape[1].map((member) => createReader(member, options)));
  }
}
function cellReader(kind, options) {
  switch (kind) {
    case Kind.BOOLEAN:
      return (source, count) => readBytes(source, count, false, true);
    case Kind.STRING:
      return readStrings;
    case Kind.NULL:
      return (source, count) => readBytes(source, count, null, null);
    case Kind.UNDEFINED:
      return (source, count) => readBytes(source, count, void 0, void 0);
    case Kind.DATE:
      return (source, count) => readNumbers(source, count, "f64", 3).map((time) => new Date(time));
    case Kind.CELLS:
      return (source, count) => {
        const bytes = source.u32[source.take(1, 2)];
        const at = source.take(bytes, 0);
        const cells = options.decode(source.u8.subarray(at, at + bytes));
        if (cells.length !== count) throw damaged(`${cells.length} cells stand for ${count}`);
        return cells;
      };
    default: {
      const { view, shift } = NUMBER_VIEWS[kind];
      return (source, count) => readNumbers(source, count, view, shift);
    }
  }
}
function readNumbers(source, count, view, shift) {
  const at = source.take(count, shift);
  const from = source[view];
  const cells = [];
  for (let row = 0; row < count; row++) cells.push(from[at + row]);
  return cells;
}
function readBytes(source, count, zero, one) {
  const at = source.take(count, 0);
  const cells = [];
  for (let row = 0; row < count; row++) cells.push(source.u8[at + row] === 0 ? zero : one);
  return cells;
}
function readStrings(source, count) {
  const layout = source.take32();
  if (layout === Strings.EACH) return readText(source, count);
  if (layout > Strings.WORDS16) throw damaged(`strings have the layout ${layout}`);
  const wordCount = source.take32();
  const short = layout === Strings.WORDS8;
  const at = source.take(count, short ? 0 : 1);
  const positions = short ? source.u8 : source.u16;
  const words = readText(source, wordCount);
  const cells = [];
  for (let row = 0; row < count; row++) {
    const word2 = words[positions[at + row]];
    if (word2 === void 0) throw damaged(`word ${positions[at + row]} of ${wordCount}`);
    cells.push(word2);
  }
  return cells;
}
function listReader(readItems) {
  return (source, count) => {
    const shift = source.take32();
    if (shift > 2) throw damaged(`lists have lengths ${shift}`);
    const at = source.take(count, shift);
    const lengths = shift === 0 ? source.u8 : shift === 1 ? source.u16 : source.u32;
    let total = 0;
    for (let row = 0; row < count; row++) total += lengths[at + row];
    const items = readItems(source, total);
    const lists = [];
    let from = 0;
    for (let row = 0; row < count; row++) {
      const to = from + lengths[at + row];
      lists.push(items.slice(from, to));
      from = to;
    }
    return lists;
  };
}
function unionReader(members) {
  return (source, count) => {
    const at = source.take(count, 0);
    const tags = source.u8;
    const counts = members.map(() => 0);
    for (let row = 0; row < count; row++) {
      const tag = tags[at + row];
      if (tag >= members.length) throw damaged(`a cell is of kind ${tag} of ${members.length}`);
      counts[tag] += 1;
    }
    const columns = members.map((read, tag) => read(source, counts[tag]));
    const taken = counts.fill(0);
    const cells = [];
    for (let row = 0; row < count; row++) {
      const tag = tags[at + row];
      cells.push(columns[tag][taken[tag]++]);
    }
    return cells;
  };
}
function objectReader([, keys, fields], options) {
  const readers2 = fields.map((field) => createReader(field, options));
  const views = fields.map((field) => typeof field === "number" ? NUMBER_VIEWS[field] : void 0);
  const lines = (line) => keys.map((_, field) => line(field)).join("\n");
  const body = `
    ${lines((field) => views[field] === void 0 ? `const read${field} = readers[${field}]` : "")}
    return (source, count) => {
      ${lines((field) => {
    const view = views[field];
    if (view === void 0) return `const cells${field} = read${field}(source, count)`;
    return `const at${field} = source.take(count, ${view.shift}), cells${field} = source.${view.view}`;
  })}
      const records = []
      for (let row = 0; row < count; row++) records.push({
        ${lines((field) => `${JSON.stringify(keys[field])}: cells${field}[${views[field] === void 0 ? "row" : `at${field} + row`}],`)}
      })
      return records
    }`;
  return new Function("readers", body)(readers2);
}
var NUMBER_VIEWS;
var init_column_reader = __esm({
  "src/records/_column-reader.ts"() {
    "use strict";
    init_column_kinds();
    init_shape();
    init_text_column();
    init_byte_cursor();
    NUMBER_VIEWS = {
      [Kind.INT8]: { view: "i8", shift: 0 },
      [Kind.INT16]: { view: "i16", shift: 1 },
      [Kind.INT32]: { view: "i32", shift: 2 },
      [Kind.FLOAT64]: { view: "f64", shift: 3 }
    };
  }
});

// src/records/record-codec.ts
function isSame(shape, words, at, length) {
  if (shape.length !== length) return false;
  for (let index = 0; index < length; index++) if (shape[index] !== words[at + index]) return false;
  return true;
}
function readerFor(shapeText) {
  let reader = readers.get(shapeText);
  if (reader === void 0) {
    if (readers.size === MAX_READERS) readers.clear();
    reader = createReader(parseShape(shapeText), others);
    readers.set(shapeText, reader);
  }
  return reader;
}
var others, RecordCodec, SPACE, readers, MAX_READERS;
var init_record_codec = __esm({
  "src/records/record-codec.ts"() {
    "use strict";
    init_column();
    init_column_reader();
    init_refusal();
    init_shape();
    init_byte_cursor();
    init_msgpack_codec();
    others = new MsgpackCodec();
    RecordCodec = class {
      #check = new SampledCheck();
      #watch = { changed: true };
      #column = new Column({ any: others, watch: this.#watch, depth: 0 });
      #count = 0;
      #shapeText = "";
      #shapeBytes = new Uint32Array(0);
      #reader;
      #readerShape = new Uint32Array(0);
      prepare(values) {
        this.#check.check(values);
        const column = this.#column;
        try {
          column.gather(values, values.length);
          column.settle();
        } catch (error) {
          column.clear();
          throw explainRefusal(error, values);
        }
        this.#count = values.length;
        if (this.#watch.changed) this.#nameShape();
        return 8 + 4 * this.#shapeBytes.length + 8 + column.bound;
      }
      write(sink) {
        const shape = this.#shapeBytes;
        const at = sink.take(2 + shape.length, 2);
        sink.u32[at] = this.#count;
        sink.u32[at + 1] = shape.length;
        for (let index = 0; index < shape.length; index++) sink.u32[at + 2 + index] = shape[index];
        this.#column.write(sink);
        this.#column.clear();
      }
      read(source, count) {
        const at = source.take(2, 2);
        const words = source.u32[at + 1];
        if (source.u32[at] !== count) throw damaged(`${source.u32[at]} values stand for ${count}`);
        const reader = this.#readerFor(source, source.take(words, 2), words);
        return reader(source, count);
      }
      /** The values as bytes of their own. */
      encode(values) {
        const sink = scratchOf(this.prepare(values));
        this.write(sink);
        return sink.u8.slice(0, sink.at);
      }
      /** Those that `encode` made bytes of. */
      decode(bytes) {
        if (bytes.length < 8) throw damaged(`${bytes.length} bytes`);
        const source = cursorOver(bytes);
        return this.read(source, source.u32[source.at >> 2]);
      }
      #nameShape() {
        this.#watch.changed = false;
        const text = JSON.stringify(this.#column.shape);
        if (text === this.#shapeText) return;
        this.#shapeText = text;
        const sink = new ByteCursor(new ArrayBuffer(3 * text.length + 7 & ~3));
        const bytes = sink.text.utf8Write(text, 0, 3 * text.length);
        sink.u8.fill(SPACE, bytes);
        this.#shapeBytes = sink.u32.slice(0, bytes + 3 >> 2);
      }
      #readerFor(source, at, words) {
        if (this.#reader !== void 0 && isSame(this.#readerShape, source.u32, at, words)) return this.#reader;
        this.#reader = readerFor(source.text.utf8Slice(4 * at, 4 * (at + words)));
        this.#readerShape = source.u32.slice(at, at + words);
        return this.#reader;
      }
    };
    SPACE = 32;
    readers = /* @__PURE__ */ new Map();
    MAX_READERS = 1024;
  }
});

// src/records/index.ts
var records_exports = {};
__export(records_exports, {
  BatchCodec: () => BatchCodec,
  ByteCursor: () => ByteCursor,
  END: () => END,
  ElementKind: () => ElementKind,
  IDLE: () => IDLE,
  MsgpackCodec: () => MsgpackCodec,
  NOT_COPIED: () => NOT_COPIED,
  NO_TIME: () => NO_TIME,
  RecordBatch: () => RecordBatch,
  RecordCodec: () => RecordCodec,
  copyPlain: () => copyPlain,
  cursorOver: () => cursorOver,
  findUnserializable: () => findUnserializable,
  mayTravel: () => mayTravel,
  scratchOf: () => scratchOf
});
var init_records = __esm({
  "src/records/index.ts"() {
    "use strict";
    init_batch_codec();
    init_byte_cursor();
    init_copy_plain();
    init_element();
    init_msgpack_codec();
    init_plainness();
    init_record_batch();
    init_record_codec();
  }
});

// ../../../tmp/cx/perf.ts
init_records();
var rnd = (n) => Math.floor(Math.random() * n);
var word = (n) => {
  let s = "";
  while (s.length < n) s += Math.random().toString(36).slice(2);
  return s.slice(0, n);
};
var shapes = {
  numbers: () => ({ a: rnd(1e9), b: Math.random(), c: rnd(100), d: 17e11 + rnd(1e9), e: rnd(6e4), f: Math.random() * 100, g: rnd(5) }),
  strings: () => ({ id: rnd(1e9), at: 17e11 + rnd(1e9), carrier: ["UA", "AA", "DL", "WN"][rnd(4)], origin: word(3), tail: word(12), delay: rnd(300), dist: Math.random() * 1e3 }),
  hard: () => ({ id: rnd(1e9), at: 17e11 + rnd(1e9), a: word(10), b: word(16), c: word(24), delay: rnd(300), dist: Math.random() * 1e3 }),
  nested: () => ({ id: rnd(1e9), user: { name: word(10), geo: { lat: Math.random(), lon: Math.random() } }, tags: [word(4), word(5)], items: [{ sku: rnd(1e6), n: rnd(5) }, { sku: rnd(1e6), n: rnd(5) }] }),
  nullable: () => ({ id: rnd(1e9), at: 17e11 + rnd(1e9), x: Math.random() < 0.3 ? null : rnd(1e3), y: Math.random() < 0.5 ? void 0 : "abc", z: Math.random() < 0.5 })
};
for (const n of (process.env.SIZES ?? "1,8,64,1024").split(",").map(Number)) for (const [name, make] of Object.entries(shapes).filter(([k]) => (process.env.SHAPES ?? k).includes(k))) {
  const batches = Array.from({ length: 8 }, () => new RecordBatch(Array.from({ length: n }, make), Array.from({ length: n }, (_, i) => i)));
  const s = new BatchCodec(new RecordCodec()), r = new BatchCodec(new RecordCodec());
  const sink = new SharedArrayBuffer(1 << 22);
  const { ByteCursor: ByteCursor2 } = await Promise.resolve().then(() => (init_records(), records_exports));
  const cur = new ByteCursor2(sink);
  let k = 0;
  const enc = () => {
    const b = batches[k++ & 7];
    s.prepare(b);
    cur.at = 0;
    cur.end = 1 << 22;
    s.write(cur);
    cur.end = cur.at;
  };
  const dec = () => {
    cur.at = 0;
    return r.read(cur);
  };
  const time = (f) => {
    const m = Math.max(20, Math.ceil(+(process.env.RECS ?? 2e5) / n));
    for (let i = 0; i < m; i++) f();
    const t = process.cpuUsage();
    for (let i = 0; i < m; i++) f();
    const u = process.cpuUsage(t);
    return (u.user + u.system) * 1e3 / m / n;
  };
  const te = time(enc);
  const bytes = cur.end / n;
  const td = time(dec);
  console.log(String(n).padStart(5), name.padEnd(10), "encode", te.toFixed(0), "decode", td.toFixed(0), "ns/record", bytes.toFixed(0), "bytes");
}
