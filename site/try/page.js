// The page "Try it": each block of code with the class "try" becomes an editor that Python runs.

(() => {
  const script = document.currentScript;
  const size = `${script.dataset.megabytes} MB`;
  const boxes = [];
  let worker = null;
  let ready = false;
  let current = null; // the box whose code runs
  let waiting = null; // the box that runs when Python has started
  let begun = 0;
  let start, status;

  const element = (tag, properties = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name === "role" || name.startsWith("aria-")) made.setAttribute(name, value);
      else made[name] = value;
    }
    made.append(...children);
    return made;
  };
  const seconds = () => `${((performance.now() - begun) / 1000).toFixed(1)} s`;

  function launch() {
    if (worker) return;
    begun = performance.now();
    status.textContent = "Starting";
    worker = new Worker(new URL("worker.js", script.src), { type: "module" });
    worker.onmessage = ({ data }) => hear[data.kind](data);
    worker.onerror = (event) => hear.failed({ message: event.message || "its script did not load" });
    show();
  }

  const hear = {
    stage({ message }) {
      status.textContent = `${message} …`;
    },
    ready() {
      ready = true;
      status.textContent = `Python is ready, after ${seconds()}. It stays on this page.`;
      const next = waiting;
      waiting = null;
      show();
      if (next) run(next);
    },
    failed({ message }) {
      end();
      status.textContent = `Python could not be started here (${message}).`;
      show();
    },
    async done({ parts }) {
      const box = current;
      current = null;
      box.note.textContent = seconds() === "0.0 s" ? "Done." : `Done in ${seconds()}.`;
      show();
      await answer(box, parts);
      box.output.dataset.done = "yes";
    },
  };

  function end() {
    worker?.terminate();
    worker = null;
    ready = false;
    waiting = null;
    current = null;
  }

  function run(box) {
    if (current) return;
    if (!ready) {
      waiting = box;
      launch();
      show();
      return;
    }
    current = box;
    begun = performance.now();
    box.note.textContent = "Running …";
    delete box.output.dataset.done;
    show();
    worker.postMessage({ code: box.area.value });
  }

  function stop() {
    const box = current;
    end();
    box.note.textContent = "Stopped.";
    status.textContent = "Python was stopped. The next run starts it anew.";
    show();
  }

  // a button that cannot be used now keeps the focus, which `disabled` would lose
  const offer = (button, yes) => button.setAttribute("aria-disabled", String(!yes));

  // what the buttons offer now
  function show() {
    const held = document.activeElement === start;
    offer(start, !worker);
    start.hidden = ready;
    if (held && ready) boxes[0].run.focus();
    for (const box of boxes) {
      box.run.textContent = worker ? "Run" : `Start Python (${size}) and run`;
      offer(box.run, !current && (!worker || ready));
      if (box.stop === document.activeElement && box !== current) box.run.focus();
      box.stop.hidden = box !== current;
      if (box === waiting) box.note.textContent = "Runs as soon as Python has started.";
    }
  }

  const HEADS = { refused: "✗ The checker does not accept this.", error: "✗ This is not a program that runs." };

  async function answer(box, parts) {
    const made = parts.map(([kind, content]) => {
      if (kind === "html") return element("div", { innerHTML: content });
      if (kind === "tex") return element("div", { className: "math", textContent: `\\[${content}\\]` });
      const text = element("pre", { textContent: content, tabIndex: 0 });
      if (kind === "text") return text;
      return element("div", { className: kind }, element("p", { textContent: HEADS[kind] }), text);
    });
    if (!made.length) made.push(element("p", { textContent: "It ran. Its last line has no value to show." }));
    window.MathJax?.typesetClear?.([box.output]);
    box.output.replaceChildren(...made);
    if (window.MathJax?.startup) {
      await MathJax.startup.promise;
      await MathJax.typesetPromise([box.output]);
      dispatchEvent(new Event("resize")); // what is wide now scrolls by the keyboard (book_a11y.py)
    }
  }

  function build(block, number) {
    const code = block.querySelector("pre").textContent.replace(/\n+$/, "");
    const heading = block.closest("section").querySelector("h1, h2, h3").firstChild.textContent;
    const area = element("textarea", {
      value: code,
      rows: code.split("\n").length + 1,
      spellcheck: false,
      autocapitalize: "off",
      autocomplete: "off",
      "aria-label": `Code: ${heading}`,
    });
    const box = {
      area,
      run: element("button", { type: "button", className: "run" }),
      stop: element("button", { type: "button", textContent: "Stop", hidden: true, onclick: stop }),
      note: element("p"),
      output: element("div", { className: "try-output", "aria-live": "polite" }),
    };
    const back = element("button", { type: "button", textContent: "Reset" });
    back.onclick = () => {
      area.value = code;
      box.note.textContent = "";
      box.output.replaceChildren();
    };
    box.run.onclick = () => run(box);
    area.onkeydown = (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      run(box);
    };
    const bar = element("div", { className: "try-bar" }, box.run, box.stop, back, box.note);
    const whole = element("div", { className: "try-box", id: `try-${number + 1}` }, area, bar, box.output);
    block.replaceWith(whole);
    boxes.push(box);
  }

  function begin() {
    const blocks = [...document.querySelectorAll("div.try")];
    const place = element("div", { className: "try-start" });
    blocks[0].closest("section").before(place);
    if (location.protocol === "file:") {
      place.append(
        element("p", {
          textContent:
            "This page was opened from a folder, where browsers load no Python. Serve the folder " +
            "that holds index.html: python3 -m http.server, then open http://localhost:8000/.",
        }),
      );
      return;
    }
    start = element("button", { type: "button", textContent: `Start Python, ${size}`, onclick: launch });
    status = element("p", { role: "status", textContent: "Nothing is loaded before you ask for it." });
    place.append(start, status);
    blocks.forEach(build);
    show();
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
