"""Every choice carries its price, and nothing that can be chosen is lost."""

from jupyter_awsgpu.model import Gpu, Image, InstanceType, Offer, Price
from jupyter_awsgpu.surfaces.panel import offers


def offer(name, model, price, region="us-west-2", **more):
    itype = InstanceType(name, 4, 16384, Gpu(model, 1, 16384), **more)
    return Offer(itype, region, price=None if price is None else Price(price))


T4 = offer("g4dn.xlarge", "T4", 0.526)
A10G = offer("g5.xlarge", "A10G", 1.006)
K80 = offer("p2.xlarge", "K80", None, retired=True)


def test_a_gpu_carries_the_price_of_its_cheapest_type(tr):
    """T4 from so much an hour; one without a price carries none."""
    assert offers.gpu_options((T4, A10G, K80), tr) == (
        ("every GPU", ""),
        ("T4 · from $0.526/h", "T4"),
        ("A10G · from $1.006/h", "A10G"),
        ("K80", "K80"),
    )


def test_types_follow_the_gpu(tr):
    """Only the types with that GPU, each with price, GPU and memory; a retired one says so."""
    assert offers.type_options((T4, A10G), "A10G", tr) == (("g5.xlarge · $1.006/h · A10G, 16 GiB", "g5.xlarge"),)
    assert offers.type_options((K80,), "", tr)[0][0].endswith("retired")


def test_a_region_that_lacks_the_type_says_so(tr):
    """The region one is in stays to be seen, and any region can be asked for."""
    found = (offer("g4dn.xlarge", "T4", 0.5, region="us-east-1"),)
    assert offers.region_options(found, "mars-1", tr) == (
        ("mars-1 · not offered", "mars-1"),
        ("us-east-1 · $0.50/h", "us-east-1"),
        ("any region that has it", offers.ANY_REGION),
    )


def test_own_images_stand_beside_the_known_ones(tr):
    """The best is left to the launch; one's own goes by its name."""
    own = Image("ami-1", "mine", "r", "own", "ubuntu", "/dev/sda1", 40)
    values = [value for _, value in offers.image_options((own,), tr)]
    assert values == ["", "mine", "dlami", "dlami-pytorch", "ubuntu"]
