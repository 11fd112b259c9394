"""The PyTorch networks themselves, against published counts, keys, shapes and constants."""

import pytest

torch = pytest.importorskip('torch', reason='needs the extra parity: pip install ".[parity]"')
F = torch.nn.functional

from tests.parity import torch_networks as networks, torch_pix2pix


def on_paper(make, *args, **kwargs):
  """A network of the published size without memory for its weights."""
  with torch.device('meta'):
    return make(*args, **kwargs)


@pytest.mark.parametrize(
  'make, args, kwargs, count',
  [
    (networks.UdacityGenerator, (3, 3), {}, 8_402_176),
    (networks.UdacityDiscriminator, (3,), {}, 2_765_568),
    (networks.ResnetGenerator, (3, 3), {}, 11_378_179),
    (networks.ResnetGenerator, (3, 1), {}, 11_371_905),
    (networks.ResnetGenerator, (3, 3), {'blocks': 6}, 7_837_699),
    (networks.PatchDiscriminator, (3,), {}, 2_764_737),
    (networks.PatchDiscriminator, (6,), {'norm': 'batch'}, 2_768_705),
    (torch_pix2pix.UNetGenerator, (3, 3), {}, 54_413_955),
    # A block less: two 4x4 convolutions 512-512 and 1024-512 and two norms.
    (torch_pix2pix.UNetGenerator, (3, 3), {'depth': 7}, 54_413_955 - 16 * 512 * 1536 - 4 * 512),
  ],
)
def test_parameter_counts(make, args, kwargs, count):
  assert networks.count_parameters(on_paper(make, *args, **kwargs)) == count


@pytest.mark.parametrize(
  'make, kwargs, size, want',
  [
    (networks.UdacityGenerator, {}, 128, (3, 128)),
    (networks.UdacityDiscriminator, {}, 128, (1, 7)),
    (networks.ResnetGenerator, {}, 256, (3, 256)),
    (networks.ResnetGenerator, {'blocks': 6}, 128, (3, 128)),
    (networks.PatchDiscriminator, {}, 256, (1, 30)),
    (networks.PatchDiscriminator, {'norm': 'batch'}, 128, (1, 14)),
    (torch_pix2pix.UNetGenerator, {}, 256, (3, 256)),
    (torch_pix2pix.UNetGenerator, {'depth': 7}, 128, (3, 128)),
  ],
)
def test_shapes(make, kwargs, size, want):
  y = on_paper(make, **kwargs)(torch.zeros(2, 3, size, size, device='meta'))
  assert y.shape == (2, want[0], want[1], want[1])


def shapes(module):
  return {key: tuple(value.shape) for key, value in module.state_dict().items()}


def test_keys_of_udacity():
  generator = shapes(on_paper(networks.UdacityGenerator))
  assert generator['conv1.0.weight'] == (64, 3, 4, 4)
  assert generator['conv3.1.running_mean'] == (256,)
  assert generator['res_blocks.5.conv_layer2.0.weight'] == (256, 256, 3, 3)
  assert generator['deconv1.0.weight'] == (256, 128, 4, 4)
  assert [key for key in generator if key.startswith('deconv3')] == ['deconv3.0.weight']
  discriminator = shapes(on_paper(networks.UdacityDiscriminator))
  assert [key for key in discriminator if key[:5] in ('conv1', 'conv5')] == [
    'conv1.0.weight',
    'conv5.0.weight',
  ]
  assert not any(key.endswith('0.bias') for key in (*generator, *discriminator))


def test_keys_of_cyclegan():
  generator = shapes(on_paper(networks.ResnetGenerator))
  blocks = [f'model.{i}.conv_block.{j}' for i in range(10, 19) for j in (1, 5)]
  layers = ['model.1', 'model.4', 'model.7', *blocks, 'model.19', 'model.22', 'model.26']
  assert list(generator) == [f'{layer}.{kind}' for layer in layers for kind in ('weight', 'bias')]
  assert generator['model.19.weight'] == (256, 128, 3, 3)
  discriminator = shapes(on_paper(networks.PatchDiscriminator))
  assert list(discriminator) == [
    f'model.{i}.{kind}' for i in (0, 2, 5, 8, 11) for kind in ('weight', 'bias')
  ]
  batch = shapes(on_paper(networks.PatchDiscriminator, 6, norm='batch'))
  assert [key for key in batch if key.endswith('.bias')] == [
    f'model.{i}.bias' for i in (0, 3, 6, 9, 11)
  ]
  assert batch['model.9.running_var'] == (512,)


def test_layers_and_keys_of_pix2pix():
  net = on_paper(torch_pix2pix.UNetGenerator)
  assert shapes(net)['model.model.0.weight'] == (64, 3, 4, 4)
  assert shapes(net)['model.model.3.weight'] == (128, 3, 4, 4)
  assert shapes(net)['model.model.1.model.3.model.5.weight'] == (512, 128, 4, 4)
  assert [k for k in shapes(net) if k.endswith('.bias') and shapes(net)[k] == (3,)] == [
    'model.model.3.bias'
  ]
  names = lambda block: [type(layer).__name__ for layer in block]
  outermost = net.model.model
  assert names(outermost) == ['Conv2d', 'UNetBlock', 'ReLU', 'ConvTranspose2d', 'Tanh']
  block, found = outermost[1].model, []
  while len(block) > 5:
    found.append(names(block))
    block = block[3].model
  middle = [
    'LeakyReLU',
    'Conv2d',
    'BatchNorm2d',
    'UNetBlock',
    'ReLU',
    'ConvTranspose2d',
    'BatchNorm2d',
  ]
  assert found == [middle] * 3 + [middle + ['MaskedDropout']] * 3
  assert names(block) == ['LeakyReLU', 'Conv2d', 'ReLU', 'ConvTranspose2d', 'BatchNorm2d']
  assert len(on_paper(torch_pix2pix.UNetGenerator, depth=7).dropouts()) == 2
  assert list(shapes(on_paper(torch_pix2pix.UNetGenerator, dropout=False))) == list(shapes(net))


def test_constants_of_the_layers():
  nets = [
    on_paper(make)
    for make in (networks.UdacityGenerator, networks.ResnetGenerator, torch_pix2pix.UNetGenerator)
  ]
  nets += [on_paper(networks.PatchDiscriminator, norm=norm) for norm in ('batch', 'instance')]
  found = {}
  for layer in (layer for net in nets for layer in net.modules()):
    for name in ('eps', 'momentum', 'negative_slope', 'p', 'affine'):
      if hasattr(layer, name):
        found.setdefault((type(layer).__name__, name), set()).add(getattr(layer, name))
  assert found == {
    ('BatchNorm2d', 'eps'): {1e-5},
    ('BatchNorm2d', 'momentum'): {0.1},
    ('BatchNorm2d', 'affine'): {True},
    ('InstanceNorm2d', 'affine'): {False},
    ('InstanceNorm2d', 'eps'): {1e-5},
    ('InstanceNorm2d', 'momentum'): {0.1},
    ('LeakyReLU', 'negative_slope'): {0.2},
    ('MaskedDropout', 'p'): {0.5},
  }


def batch_norm(x):
  centered = x - x.mean((0, 2, 3), keepdim=True)
  return centered / (centered.pow(2).mean((0, 2, 3), keepdim=True) + 1e-5).sqrt()


def instance_norm(x):
  centered = x - x.mean((2, 3), keepdim=True)
  return centered / (centered.pow(2).mean((2, 3), keepdim=True) + 1e-5).sqrt()


def test_udacity_generator_written_out():
  net = networks.UdacityGenerator(3, 1, width=4, blocks=1, depth=2)
  w = {key.removesuffix('.0.weight'): value for key, value in net.state_dict().items()}
  x = torch.rand(2, 3, 16, 16)
  y = F.relu(batch_norm(F.conv2d(x, w['conv1'], stride=2, padding=1)))
  y = F.relu(batch_norm(F.conv2d(y, w['conv2'], stride=2, padding=1)))
  inner = F.relu(batch_norm(F.conv2d(y, w['res_blocks.0.conv_layer1'], padding=1)))
  y = y + batch_norm(F.conv2d(inner, w['res_blocks.0.conv_layer2'], padding=1))
  y = F.relu(batch_norm(F.conv_transpose2d(y, w['deconv1'], stride=2, padding=1)))
  want = torch.tanh(F.conv_transpose2d(y, w['deconv2'], stride=2, padding=1))
  torch.testing.assert_close(net(x), want, rtol=1e-3, atol=1e-5)


def test_resnet_generator_written_out():
  net = networks.ResnetGenerator(3, 1, width=4, blocks=1, depth=1)
  layers = lambda i: net.model[i]
  x = torch.rand(2, 3, 16, 16)
  reflect = lambda x, n: F.pad(x, (n, n, n, n), mode='reflect')
  conv = lambda x, layer, stride=1, padding=0: F.conv2d(
    x, layer.weight, layer.bias, stride, padding
  )
  y = F.relu(instance_norm(conv(reflect(x, 3), layers(1))))
  y = F.relu(instance_norm(conv(y, layers(4), 2, 1)))
  first, second = layers(7).conv_block[1], layers(7).conv_block[5]
  inner = F.relu(instance_norm(conv(reflect(y, 1), first)))
  y = y + instance_norm(conv(reflect(inner, 1), second))
  y = F.conv_transpose2d(y, layers(8).weight, layers(8).bias, 2, 1, output_padding=1)
  want = torch.tanh(conv(reflect(F.relu(instance_norm(y)), 3), layers(12)))
  torch.testing.assert_close(net(x), want, rtol=1e-3, atol=1e-5)


def test_unet_written_out():
  net = torch_pix2pix.UNetGenerator(3, 1, width=4, depth=3)
  weights = [value for key, value in net.state_dict().items() if value.ndim == 4]
  down1, down2, down3, up3, up2, up1 = weights
  x = torch.rand(2, 3, 16, 16)
  conv = lambda x, w: F.conv2d(x, w, stride=2, padding=1)
  up = lambda skip, x, w: F.conv_transpose2d(
    F.relu(torch.cat([skip, x], 1)), w, stride=2, padding=1
  )
  a = conv(x, down1)
  b = batch_norm(conv(F.leaky_relu(a, 0.2), down2))
  c = conv(F.leaky_relu(b, 0.2), down3)
  y = batch_norm(F.conv_transpose2d(F.relu(c), up3, stride=2, padding=1))
  y = up(a, batch_norm(up(b, y, up2)), up1)
  want = torch.tanh(y + net.model.model[3].bias.reshape(1, 1, 1, 1))
  torch.testing.assert_close(net(x), want, rtol=1e-3, atol=1e-5)


def test_a_patch_is_70x70():
  net = networks.init_normal(networks.PatchDiscriminator(width=2, norm='batch')).double().eval()
  x = torch.rand(1, 3, 128, 128, dtype=torch.float64, requires_grad=True)
  net(x)[0, 0, 7, 7].backward()
  rows, columns = x.grad.abs().sum((0, 1)).nonzero().T
  assert rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1 == 70


def test_given_dropout_masks():
  net = torch_pix2pix.UNetGenerator(3, 1, width=2, depth=7)
  x = torch.rand(2, 3, 128, 128)
  torch.manual_seed(1)
  want = net(x)
  torch.manual_seed(1)
  masks = [F.dropout(torch.ones(2, 16, side, side)) / 2 for side in (4, 8)]
  got = net(x, masks)
  torch.testing.assert_close(got, want)
  assert not torch.equal(got, net(x, masks[:1] + [1 - masks[1]]))
  torch.testing.assert_close(net.eval()(x), net(x, masks))
  with pytest.raises(ValueError):
    net(x, masks[:1])
  with pytest.raises(ValueError):
    net.train()(x, masks[::-1])


def test_initial_weights():
  generator = torch.Generator().manual_seed(0)
  net = networks.init_default(networks.UdacityGenerator(), generator)
  for layer, fan_in in [(net.conv2[0], 16 * 64), (net.deconv1[0], 16 * 128)]:
    bound = fan_in**-0.5
    assert bound * 0.999 < layer.weight.abs().max() <= bound
    assert layer.weight.var().item() == pytest.approx(bound**2 / 3, rel=0.02)
  assert (net.conv2[1].weight == 1).all() and (net.conv2[1].bias == 0).all()

  net = networks.init_normal(networks.PatchDiscriminator(6, norm='batch'), generator)
  assert net.model[5].weight.std().item() == pytest.approx(0.02, rel=0.02)
  assert abs(net.model[5].weight.mean().item()) < 1e-4
  assert net.model[9].weight.mean().item() == pytest.approx(1, abs=0.005)
  assert net.model[9].weight.std().item() == pytest.approx(0.02, rel=0.2)
  assert all((net.model[i].bias == 0).all() for i in (0, 3, 9, 11))
