/** Work of which only the newest counts. */

/** Wraps `work` so that one call runs at a time and, of the calls made meanwhile, only the newest
 * runs after it. What `work` throws goes to `failed`. */
export function latest<T>(
  work: (value: T) => Promise<void>,
  failed: (error: unknown) => void,
): (value: T) => void {
  let running = false;
  let waiting: { value: T } | null = null;
  async function run(): Promise<void> {
    running = true;
    while (waiting) {
      const { value } = waiting;
      waiting = null;
      try {
        await work(value);
      } catch (error) {
        failed(error);
      }
    }
    running = false;
  }
  return (value) => {
    waiting = { value };
    if (!running) void run();
  };
}
