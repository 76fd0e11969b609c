/** An ipywidgets manager of the panel's own: the sidebar is no notebook and has none to borrow. */
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { Kernel } from '@jupyterlab/services';
import type { KernelWidgetManager } from '@jupyter-widgets/jupyterlab-manager';
import type { Widget } from '@lumino/widgets';

export const WIDGET_MIME = 'application/vnd.jupyter.widget-view+json';

/** Make a manager for one kernel connection and load what lives there already. */
export async function makeManager(
  kernel: Kernel.IKernelConnection,
  rendermime: IRenderMimeRegistry
): Promise<KernelWidgetManager> {
  const [base, controls, { KernelWidgetManager }] = await Promise.all([
    import('@jupyter-widgets/base'),
    import('@jupyter-widgets/controls'),
    import('@jupyter-widgets/jupyterlab-manager')
  ]);
  const manager = new KernelWidgetManager(kernel, rendermime.clone());
  const exported = { ...base } as unknown as Record<string, never>;
  manager.register({ name: '@jupyter-widgets/base', version: base.JUPYTER_WIDGETS_VERSION, exports: exported });
  manager.register({
    name: '@jupyter-widgets/controls',
    version: controls.JUPYTER_CONTROLS_VERSION,
    exports: controls as unknown as Record<string, never>
  });
  return manager;
}

/** Make a view of the widget with this id, waiting for the manager to know it. */
export async function makeView(manager: KernelWidgetManager, modelId: string): Promise<Widget> {
  if (!manager.has_model(modelId) && !manager.restoredStatus) {
    await new Promise<void>(resolve => {
      const done = (): void => {
        manager.restored.disconnect(done);
        resolve();
      };
      manager.restored.connect(done);
    });
  }
  const view = await manager.create_view(await manager.get_model(modelId));
  return view.luminoWidget;
}
