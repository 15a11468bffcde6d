// A link to a result or a formula shows it while the pointer or the focus is there; Escape hides it.
(() => {
  const made = new Map();
  for (const one of document.querySelectorAll('template[data-preview]'))
    made.set(one.dataset.preview, one);
  let box = null;
  let owner = null;
  let timer = 0;

  const hide = () => {
    clearTimeout(timer);
    owner?.removeAttribute('aria-describedby');
    box?.remove();
    box = owner = null;
  };

  const place = () => {
    if (!box) return;
    const at = owner.getClientRects()[0];
    const left = Math.min(at.left, document.documentElement.clientWidth - box.offsetWidth - 12);
    const below = at.bottom + 4;
    const above = at.top - box.offsetHeight - 4;
    const fits = below + box.offsetHeight < window.innerHeight || above < 0;
    box.style.left = `${Math.max(left, 12)}px`;
    box.style.top = `${fits ? below : above}px`;
  };

  // letters so small that the longest formula is as wide as the box
  const fit = () => {
    for (let size = 0.9; box.scrollWidth > box.clientWidth && size > 0.45; size -= 0.05)
      box.style.fontSize = `${size}em`;
    box.classList.toggle('cut', box.scrollHeight > box.clientHeight);
  };

  const show = async (link) => {
    hide();
    owner = link;
    const mine = box = document.createElement('div');
    mine.id = 'preview';
    mine.className = 'preview';
    mine.setAttribute('role', 'tooltip');
    mine.append(made.get(link.getAttribute('href')).content.cloneNode(true));
    mine.style.visibility = 'hidden';
    mine.addEventListener('mouseenter', () => clearTimeout(timer));
    mine.addEventListener('mouseleave', leave);
    link.closest('main').append(mine);
    link.setAttribute('aria-describedby', 'preview');
    await window.MathJax?.typesetPromise?.([mine]);
    if (mine !== box) return;
    fit();
    place();
    mine.style.visibility = '';
  };

  const soon = (link, wait) => {
    clearTimeout(timer);
    timer = setTimeout(() => show(link), wait);
  };
  const leave = () => {
    clearTimeout(timer);
    timer = setTimeout(hide, 250);
  };

  for (const link of document.querySelectorAll('article a[href*="#"]')) {
    if (!made.has(link.getAttribute('href'))) continue;
    link.addEventListener('mouseenter', () => soon(link, 300));
    link.addEventListener('mouseleave', leave);
    link.addEventListener('focus', () => link.matches(':focus-visible') && soon(link, 0));
    link.addEventListener('blur', hide);
  }
  document.addEventListener('keydown', (event) => event.key === 'Escape' && hide());
  window.addEventListener('scroll', place, { passive: true });
})();
