// Runs in every document before the page's own code, with `webVitals` in scope. Figures are pushed
// out, never read: a page that hangs then cannot hang us, and asking at the end would cost a run
// more than all the measuring. What changes together is pushed together.
const report = window.__tripflag_vitals;
if (window === window.top && typeof report === "function") {
  const figures = {};
  let due = false;
  const push = () => {
    if (due) report({ id: performance.timeOrigin, figures });
    due = false;
  };
  const put = (name, value) => {
    if (!Number.isFinite(value) || figures[name] === value) return;
    figures[name] = value;
    if (!due) setTimeout(push);
    due = true;
  };
  addEventListener("pagehide", push);
  const seconds = (name) => (metric) => put(name, metric.value / 1000);
  const all = { reportAllChanges: true, reportSoftNavs: true };
  webVitals.onTTFB(seconds("ttfb_s"), all);
  webVitals.onFCP(seconds("fcp_s"), all);
  webVitals.onLCP(seconds("lcp_s"), all);
  webVitals.onCLS((metric) => put("cls", metric.value), all);
  webVitals.onINP(seconds("inp_s"), { ...all, durationThreshold: 16 });

  const observe = (type, handle) =>
    new PerformanceObserver((list) => list.getEntries().forEach(handle)).observe({
      type,
      buffered: true,
    });
  observe("first-input", (entry) => put("fid_s", (entry.processingStart - entry.startTime) / 1000));

  // Total blocking time: what each task takes beyond 50 ms, from the first paint on.
  let blocked = 0;
  let quietSince = 0;
  observe("longtask", (entry) => {
    const painted = (figures.fcp_s ?? Infinity) * 1000;
    quietSince = Math.max(quietSince, entry.startTime + entry.duration);
    if (entry.startTime >= painted) {
      blocked += Math.max(0, entry.duration - 50);
      put("tbt_s", blocked / 1000);
    }
  });

  // Time to interactive needs 5 s without long tasks and with at most 2 requests under way. It stays
  // unknown where the journey leaves before that.
  const loads = [];
  observe("resource", (entry) => loads.push([entry.startTime, entry.responseEnd || Infinity]));
  const crowdedUntil = () =>
    loads.reduce((latest, [start, end]) => {
      const together = loads.filter(([from, to]) => from <= start && to >= start).length;
      return together > 2 ? Math.max(latest, end) : latest;
    }, 0);
  const timer = setInterval(() => {
    if (figures.fcp_s === undefined) return;
    const painted = figures.fcp_s * 1000;
    const busyUntil = Math.max(quietSince, painted, crowdedUntil());
    if (performance.now() - busyUntil < 5000) return;
    clearInterval(timer);
    const [navigation] = performance.getEntriesByType("navigation");
    const interactive = Math.max(quietSince, painted, navigation?.domContentLoadedEventEnd ?? 0);
    put("tti_s", interactive / 1000);
    put("tbt_s", blocked / 1000);
  }, 500);
}
