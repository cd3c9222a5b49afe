// Descriptors that Node's event loop waits for: libuv leaves a word in memory when it has found one, where a call from C into JavaScript
// would cost as much as the datagram that it tells of (decision 039).

/** As much of koffi as is used. */
export interface Koffi {
  load(path: null): { func(prototype: string): (...args: never[]) => number }
  address(memory: Uint8Array): bigint
  view(address: number, length: number): ArrayBuffer
  errno(): number
  readonly node: {
    readonly env: unknown
    poll(fd: number, wanted: { readable: boolean }, onRing: () => void): LoopHandle
  }
}

/** What makes functions of C's prototypes, of whatever is loaded. */
export function functionsOf(koffi: Koffi): (prototype: string) => never {
  const library = koffi.load(null)
  return (prototype) => library.func(prototype) as never
}

/** A descriptor that the event loop waits for, until it can be read. */
export interface LoopHandle {
  ref(): void
  unref(): void
  close(): void
}

/** One of which it leaves word. */
export interface PollHandle extends LoopHandle {
  /** What has been found since it was taken last: FOUND, QUIET, or negative if the waiting has ended by an error. */
  readonly status: number
  take(): number
}

export const FOUND = 0
export const QUIET = 1

/** Of uv_handle_type, and of uv_poll_event. */
const UV_POLL = 8
const UV_READABLE = 1
/** Of dlsym(): in whatever is loaded. */
const ANYWHERE = 0
const POINTER = 8

/** Handles and functions are addresses. */
interface Libuv {
  readonly loop: number
  readonly setData: number
  readonly freeAddress: number
  calloc(count: number, size: number): number
  free(memory: number): void
  handleSize(type: number): number
  /** Negative: it is none. */
  pollInit(loop: number, handle: number, fd: number): number
  pollStart(handle: number, events: number, callback: number): void
  ref(handle: number): void
  unref(handle: number): void
  close(handle: number, callback: number): void
}

/** Of the thread that asks. null: it has no libuv that can be called. What it makes is null where the kernel has no room for it. */
export function bindPoll(koffi: Koffi): ((fd: number) => PollHandle | null) | null {
  const uv = bindings(koffi)
  return uv === null ? null : (fd) => poll(koffi, uv, fd)
}

function poll(koffi: Koffi, uv: Libuv, fd: number): PollHandle | null {
  const handle = uv.calloc(1, uv.handleSize(UV_POLL))
  // started all the same, it would end the process
  if (uv.pollInit(uv.loop, handle, fd) < 0) {
    uv.free(handle)
    return null
  }
  // a handle begins with its data, and libuv calls back with the handle and the status: its own setter of data is such a callback
  const data = new Int32Array(koffi.view(handle, POINTER))
  data[0] = QUIET
  uv.pollStart(handle, UV_READABLE, uv.setData)
  return {
    get status() {
      return data[0] as number
    },
    take() {
      const found = data[0] as number
      data[0] = QUIET
      return found
    },
    ref: () => uv.ref(handle),
    unref: () => uv.unref(handle),
    // libuv goes on using the memory until the end of this turn
    close: () => uv.close(handle, uv.freeAddress),
  }
}

function bindings(koffi: Koffi): Libuv | null {
  const func = functionsOf(koffi)
  const find: (where: number, name: string) => number = func('uintptr_t dlsym(uintptr_t where, const char *name)')
  const setData = find(ANYWHERE, 'uv_handle_set_data')
  if (setData === 0) return null
  const getLoop: (env: unknown, loop: [number]) => number = func(
    'int napi_get_uv_event_loop(void *env, _Out_ uintptr_t *loop)',
  )
  const loop: [number] = [0]
  if (getLoop(koffi.node.env, loop) !== 0) return null
  return {
    loop: loop[0],
    setData,
    freeAddress: find(ANYWHERE, 'free'),
    calloc: func('uintptr_t calloc(size_t count, size_t size)'),
    free: func('void free(uintptr_t memory)'),
    handleSize: func('size_t uv_handle_size(int type)'),
    pollInit: func('int uv_poll_init(uintptr_t loop, uintptr_t handle, int fd)'),
    pollStart: func('int uv_poll_start(uintptr_t handle, int events, uintptr_t callback)'),
    ref: func('void uv_ref(uintptr_t handle)'),
    unref: func('void uv_unref(uintptr_t handle)'),
    close: func('void uv_close(uintptr_t handle, uintptr_t callback)'),
  }
}
